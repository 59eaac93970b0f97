"""`jamun evaluate` of two small trajectories, ours or not, and its refusals."""

import json
import sys

import mdtraj
import numpy as np
import pytest
from pairs import built
from test_compare import shaken

from jamun import cli
from jamun.commands import evaluate as command
from jamun.commands.evaluate import load_inputs
from jamun.evaluation.ensembles import EvaluationError
from jamun.io.atomic import write_json

JSONS = ("comparison", "physicality", "msm", "dynamics")
FIGURES = ("ramachandran", "torsions", "convergence", "msm", "dynamics", "physicality")


def run(monkeypatch, *words):
    """The exit code of `jamun evaluate words...`."""
    monkeypatch.setattr(sys, "argv", ["jamun", "evaluate", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    return ended.value.code


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """md.xtc with hydrogens, samples.dcd without: 400 frames each, no records."""
    path = tmp_path_factory.mktemp("pair")
    md = shaken()
    samples = shaken(seed=5).atom_slice(md.topology.select("element != H"))
    md.save_xtc(path / "md.xtc")
    md[0].save_pdb(path / "md.pdb")
    samples.save_dcd(path / "samples.dcd")
    samples[0].save_pdb(path / "samples.pdb")
    (path / "fast.yaml").write_text(
        "evaluation:\n  msm: {clusters: 10, macrostates: 2, its_lags: [1]}\n  convergence_points: 2\n"
        "figures: {dpi: 50}\n"
    )
    return path


def words(folder, **changed):
    chosen = {"reference": "md.xtc", "topology": "md.pdb", "samples": "samples.dcd", "samples-topology": "samples.pdb"}
    return [
        word
        for name, value in (chosen | changed).items()
        if value is not None
        for word in (f"--{name}", folder / value)
    ]


def test_two_trajectories(monkeypatch, folder, tmp_path, capsys):
    assert run(monkeypatch, *words(folder), "--config", folder / "fast.yaml", "--out", tmp_path / "out") == 0
    printed = capsys.readouterr().out
    assert "ALA-ARG: 400 samples against 400 frames" in printed
    results = {name: json.loads((tmp_path / "out" / f"{name}.json").read_text()) for name in JSONS}
    backbone = results["comparison"]["js"]["backbone"]["value"]
    assert f"{backbone:.3f}" in next(line for line in printed.splitlines() if line.startswith("JS, backbone"))
    assert all("wall clock unknown" in result["notes"][0] for result in results.values())
    assert results["physicality"]["raw"]["basins"]["coverage"]["count"] == 2
    assert results["physicality"]["temperature_k"] == 300
    for name in FIGURES:
        assert (tmp_path / "out" / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (tmp_path / "out" / "figures" / f"{name}.pdf").is_file()


def test_a_trajectory_against_itself(monkeypatch, folder, tmp_path):
    same = words(folder, samples="md.xtc", **{"samples-topology": None})
    assert run(monkeypatch, *same, "--config", folder / "fast.yaml", "--out", tmp_path) == 0
    result = json.loads((tmp_path / "comparison.json").read_text())
    assert all(result["js"][group]["value"] == 0 for group in ("backbone", "all", "ramachandran"))
    raw = json.loads((tmp_path / "physicality.json").read_text())["raw"]
    assert raw["basins"]["coverage"]["value"] == 1
    assert raw["bonds"]["w1"]["value"] == 0


def test_records_beside_the_files_are_read(folder, tmp_path):
    for name in ("md.xtc", "md.pdb"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    record = {"boundaries": [0, 100, 400], "production": {"seconds_per_frame": 0.5, "frame_interval_ps": 2.0}}
    write_json(tmp_path / "md.json", record)
    paths = tmp_path / "md.xtc", folder / "samples.dcd", tmp_path / "md.pdb", folder / "samples.pdb"
    pair = load_inputs(*paths)
    assert pair.described["samples"]["walk_steps_per_sample"] is None, "nothing tells of a walk"
    assert np.bincount(pair.reference.chains).tolist() == [100, 300]
    clock = pair.reference.clock
    assert (clock.step, clock.unit, clock.seconds_per_frame) == (2.0, "ps", 0.5)
    write_json(tmp_path / "md.json", record | {"boundaries": [0, 100]})  # of other frames: not this file's
    assert np.bincount(load_inputs(*paths).reference.chains).tolist() == [400]
    (tmp_path / "md.json").write_text("nothing\n")
    assert np.bincount(load_inputs(*paths).reference.chains).tolist() == [400]


@pytest.mark.parametrize(
    ("sequence", "name"), [("A(D)S", "DAL-SER"), ("CAAC-SS1-4", "CYS-ALA-ALA-CYS-SS1-4"), ("GS", "GLY-SER")]
)
def test_a_molecule_without_record_is_named_by_its_hands_and_closures(tmp_path, sequence, name):
    """Files name D-alanine ALA, as Amber does."""
    one = built(sequence)
    for atom in one.topology.atoms:
        atom.residue.name = {"DAL": "ALA"}.get(atom.residue.name, atom.residue.name)
    mdtraj.join([one, one]).save_xtc(tmp_path / "md.xtc")
    one.save_pdb(tmp_path / "md.pdb")
    pair = load_inputs(tmp_path / "md.xtc", tmp_path / "md.xtc", tmp_path / "md.pdb", None)
    assert pair.described["peptide"] == name


def test_molecules_torn_by_their_box_are_made_whole(folder, tmp_path):
    md = mdtraj.load(folder / "md.xtc", top=folder / "md.pdb")
    box = 4.0
    lengths, angles = np.full((md.n_frames, 3), box), np.full((md.n_frames, 3), 90.0)
    torn = mdtraj.Trajectory(md.xyz % box, md.topology, time=md.time, unitcell_lengths=lengths, unitcell_angles=angles)
    torn.save_xtc(tmp_path / "torn.xtc")
    inputs = load_inputs(tmp_path / "torn.xtc", folder / "md.xtc", folder / "md.pdb", folder / "md.pdb")
    assert "made whole" in inputs.notes[0]
    bonds = np.array([(a.index, b.index) for a, b in inputs.reference.topology.bonds])
    first, second = (
        mdtraj.compute_distances(mdtraj.Trajectory(one.positions, one.topology), bonds, periodic=False)
        for one in (inputs.reference, inputs.samples)
    )
    np.testing.assert_allclose(first, second, atol=4e-3)  # XTC rounds to a thousandth of a nanometre


@pytest.mark.parametrize("suffix", ["nc", "trr", "pdb"])
def test_other_formats(folder, tmp_path, suffix):
    samples = mdtraj.load(folder / "samples.dcd", top=folder / "samples.pdb")[:5]
    samples.save(str(tmp_path / f"s.{suffix}"))
    inputs = load_inputs(folder / "md.xtc", tmp_path / f"s.{suffix}", folder / "md.pdb", folder / "samples.pdb")
    assert len(inputs.samples) == 5


def test_a_format_whose_package_is_absent_is_a_sentence(monkeypatch, folder, tmp_path):
    def absent(*_):
        raise ImportError("\nreading needs\nPyTables")

    monkeypatch.setattr(command, "read_trajectory", absent)
    with pytest.raises(EvaluationError, match=r"needs another package .reading needs PyTables"):
        load_inputs(folder / "md.xtc", tmp_path / "s.h5", folder / "md.pdb", folder / "samples.pdb")


def reordered(samples):
    """CB and CG of the second residue change places."""
    order = np.arange(samples.n_atoms)
    first, second = (samples.topology.select(f"resid 2 and name {name}")[0] for name in ("CB", "CG"))
    order[[first, second]] = order[[second, first]]
    table, _ = samples.topology.to_dataframe()
    return mdtraj.Trajectory(
        samples.xyz[:, order], mdtraj.Topology.from_dataframe(table.iloc[order].reset_index(drop=True))
    )


def test_atoms_in_another_order_are_told_by_their_names(folder, tmp_path):
    samples = mdtraj.load(folder / "samples.dcd", top=folder / "samples.pdb")
    other = reordered(samples)
    other.save_dcd(tmp_path / "other.dcd")
    other[0].save_pdb(tmp_path / "other.pdb")
    inputs = load_inputs(folder / "md.xtc", tmp_path / "other.dcd", folder / "md.pdb", tmp_path / "other.pdb")
    ours = load_inputs(folder / "md.xtc", folder / "samples.dcd", folder / "md.pdb", folder / "samples.pdb")
    np.testing.assert_array_equal(inputs.samples.positions, ours.samples.positions)
    assert "The samples: atoms put into the order of the built peptide." in inputs.notes


def test_a_topology_of_another_order_is_refused_of_md_and_told_of_samples(monkeypatch, folder, tmp_path, capsys):
    """As that of another program, which has the hydrogens elsewhere. Every number would be wrong."""
    lines = (folder / "md.pdb").read_text().splitlines()
    atoms = [line for line in lines if line.startswith(("ATOM", "HETATM"))]
    atoms.sort(key=lambda line: (int(line[22:26]), line[76:78].strip() == "H"))
    (tmp_path / "other.pdb").write_text("\n".join([*atoms, "END"]))
    sentence = "the topology has the atoms in another order than the trajectory"
    wrong = {"topology": tmp_path / "other.pdb", "out": tmp_path}
    assert run(monkeypatch, *words(folder, **wrong)) == 1
    assert sentence in capsys.readouterr().err
    swapped = {"reference": "samples.dcd", "topology": "samples.pdb", "samples": "md.xtc"}
    swapped |= {"samples-topology": tmp_path / "other.pdb", "out": tmp_path, "config": "fast.yaml"}
    assert run(monkeypatch, *words(folder, **swapped)) == 0
    assert sentence in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda s: s[:1], "at least two"),
        (lambda s: mdtraj.Trajectory(s.xyz * 10, s.topology), "angstroms"),
        (lambda s: s.atom_slice(range(s.n_atoms - 1)), "another molecule"),
        (lambda _: shaken(sequence="RA", frames=3), "another molecule"),
    ],
    ids=["one frame", "angstroms", "an atom missing", "other molecule"],
)
def test_bad_samples_are_sentences(monkeypatch, folder, tmp_path, capsys, change, sentence):
    bad = change(mdtraj.load(folder / "samples.dcd", top=folder / "samples.pdb"))
    bad.save_xtc(tmp_path / "bad.xtc")
    bad[0].save_pdb(tmp_path / "bad.pdb")
    changed = {"samples": tmp_path / "bad.xtc", "samples-topology": tmp_path / "bad.pdb"}
    assert run(monkeypatch, *words(folder, **changed), "--out", tmp_path / "out") == 1
    error = capsys.readouterr().err
    assert error.startswith("Error: ")
    assert sentence in error
    assert "Traceback" not in error
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("bad", ["absent", "empty", "text"])
def test_files_that_are_none_are_sentences(monkeypatch, folder, tmp_path, capsys, bad):
    path = tmp_path / "bad.dcd"
    if bad != "absent":
        path.write_text("" if bad == "empty" else "no trajectory\n")
    assert run(monkeypatch, *words(folder, samples=path), "--out", tmp_path / "out") == 1
    error = capsys.readouterr().err
    assert "bad.dcd: cannot be read" in error
    assert "Traceback" not in error
    assert run(monkeypatch, *words(folder, topology=tmp_path / "none.pdb"), "--out", tmp_path / "out") == 1
    assert "none.pdb" in capsys.readouterr().err
