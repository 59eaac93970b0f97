"""The command line: a peptide built and sampled without Snakemake, and errors as sentences."""

import io
import json
import sys
from pathlib import Path

import mdtraj
import pytest
import typer

from jamun import cli
from jamun.commands.sample import Molecule, sampling_settings
from jamun.config import parse
from jamun.config.sampling import SamplingSettings
from jamun.io.log import UserError
from jamun.model.checkpoint import read_content
from jamun.model.weights import write_model

STRUCTURES = Path(__file__).parent / "cases" / "structures"


def run(monkeypatch, *words):
    """The exit code of `jamun words...`."""
    monkeypatch.setattr(sys, "argv", ["jamun", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code


def test_build(monkeypatch, tmp_path, capsys):
    assert run(monkeypatch, "build", "--sequence", "ALA-TRP", "--out", tmp_path) == 0
    assert str(tmp_path / "AW.pdb") in capsys.readouterr().out
    assert mdtraj.load(tmp_path / "AW.pdb").n_residues == 4


def test_sample_by_sequence(monkeypatch, tmp_path, checkpoint):
    words = ("sample", "--sequence", "AG", "--checkpoint", checkpoint, "--samples", 25, "--out", tmp_path)
    assert run(monkeypatch, *words) == 0
    samples = mdtraj.load(tmp_path / "samples.xtc", top=tmp_path / "topology.pdb")
    assert samples.n_frames == 25
    assert json.loads((tmp_path / "sampling.json").read_text())["samples"]["generated"] == 25
    assert len(json.loads((tmp_path / "samples.json").read_text())["ramachandran"]) == 2
    assert (tmp_path / "ramachandran.png").stat().st_size > 10_000

    # Another form has the same name: its structure does not take the place of that of these samples.
    before = (tmp_path / "AG.pdb").read_bytes()
    with pytest.raises(UserError, match="holds samples of another molecule called AG"):
        Molecule.from_sequence("AG", parse({"peptides": {"form": "uncapped"}}), SamplingSettings(), tmp_path)
    assert (tmp_path / "AG.pdb").read_bytes() == before


def test_a_model_brings_its_settings_unless_others_are_given(monkeypatch, tmp_path, checkpoint):
    brought = SamplingSettings(friction=0.25, stride=2, chains=4, burn_in=4).of_a_model()
    write_model(tmp_path / "mine", read_content(checkpoint) | {"sampling": brought}, {})
    (tmp_path / "other.yaml").write_text("sampling: {friction: 0.5, chains: 2}")
    (tmp_path / "none.yaml").write_text("populations: {seed: 1}")
    words = ("sample", "--sequence", "AG", "--checkpoint", tmp_path / "mine" / "model.safetensors", "--samples", 6)
    found = {}
    for name, more in (("without", ()), ("none", ("--config", "none.yaml")), ("other", ("--config", "other.yaml"))):
        monkeypatch.chdir(tmp_path)
        assert run(monkeypatch, *words, "--out", tmp_path / name, *more) == 0
        found[name] = json.loads((tmp_path / name / "sampling.json").read_text())["settings"]
    # of four chains, each would take 4 steps to burn in and 3 to sample
    assert [found["without"][key] for key in ("friction", "stride", "chains")] == [0.25, 2, 3]
    assert found["none"] == found["without"]  # a file without the section changes nothing
    assert [found["other"][key] for key in ("friction", "stride", "chains")] == [0.5, 2, 2]


def test_settings_of_a_model_that_others_contradict_are_one_sentence(checkpoint, tmp_path):
    brought = SamplingSettings(sigma="0.1 nm", jump_sigmas=["0.05 nm"]).of_a_model()
    write_model(tmp_path, read_content(checkpoint) | {"sampling": brought}, {})
    with pytest.raises(UserError, match=r"must decrease.*; set more of its keys there"):
        sampling_settings(parse({"sampling": {"sigma": "0.04 nm"}}), tmp_path / "model.safetensors", None)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("build", "--sequence", "AB"), "'B'"),
        (("sample", "--checkpoint", "none.ckpt"), "either --sequence"),
        (("sample", "--checkpoint", "none.ckpt", "--pdb", "none.pdb"), "none.pdb"),
        (("simulate", "--pdb", "none.pdb"), "none.pdb"),
        (("sample", "--sequence", "AG", "--samples", "1"), "1 samples: an ensemble needs at least two."),
        (("build", "--sequence", "AW", "--config", "none.yaml"), "no such configuration"),
    ],
    ids=["bad letter", "nothing to sample", "no structure", "no peptide", "one sample", "no configuration"],
)
def test_errors_are_sentences(monkeypatch, tmp_path, capsys, words, sentence):
    assert run(monkeypatch, *words, "--out", tmp_path) == 1
    error = capsys.readouterr().err
    assert error.startswith("Error: ")
    assert sentence in error
    assert "Traceback" not in error


def test_a_terminal_that_lacks_a_letter_shows_another(monkeypatch):
    latin = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr(sys, "stdout", latin)
    monkeypatch.setattr(cli, "app", lambda: typer.echo("JS, φ"))
    cli.main()
    latin.flush()
    assert latin.buffer.getvalue() == b"JS, ?\n"


def test_starts_of_two_sources_are_a_sentence(monkeypatch, tmp_path, capsys):
    (tmp_path / "starts.yaml").write_text("sampling: {starts: [other.pdb]}")
    words = ("sample", "--pdb", STRUCTURES / "nh2.pdb", "--config", tmp_path / "starts.yaml", "--out", tmp_path / "out")
    assert run(monkeypatch, *words) == 1
    assert "sampling.starts of the configuration names structures to start from" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words", [("--model", "implicit", "--solvent", "explicit"), ("--solvent", "implicit", "--checkpoint", "none.ckpt")]
)
def test_one_way_to_name_a_model(monkeypatch, tmp_path, capsys, words):
    assert run(monkeypatch, "sample", "--sequence", "AG", "--out", tmp_path / "out", *words) == 1
    assert "one of --model, --solvent and --checkpoint" in capsys.readouterr().err


def test_models_that_come_with_it_are_told(monkeypatch, capsys):
    assert run(monkeypatch, "models") == 0
    told = capsys.readouterr().out
    for name in ("explicit", "implicit", "implicit_cpu"):
        assert f"{name}" in [line.split(" ")[0] for line in told.splitlines()]
    assert "imported from data/explicit_water/table.csv" in " ".join(told.split())
