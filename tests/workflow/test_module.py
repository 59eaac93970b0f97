"""The workflow as a module of another one, with a prefix and a configuration of its own."""

import os
import re
import subprocess
from pathlib import Path

import mdtraj
import pytest
import torch
import yaml
from forking import forking_python

from jamun.config.network import NetworkSettings
from jamun.config.training import TrainingSettings
from jamun.model.checkpoint import save_denoiser
from jamun.model.denoiser import Denoiser

pytestmark = pytest.mark.workflow
ROOT = Path(__file__).resolve().parents[2]
SNAKEFILE = """
configfile: "other.yaml"


module jamun:
    snakefile:
        {snakefile!r}
    prefix:
        "peptides"
    config:
        config["jamun"]


use rule * from jamun as jamun_*


rule count:
    default_target: True
    input:
        "peptides/results/mine/samples/own/AG/sampling.json",
    output:
        "count.txt",
    shell:
        "wc -c {{input}} > {{output}}"
"""


def snakemake(folder, *words):
    command = [forking_python(), "-m", "snakemake", "--cores", "2", *words]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout + ended.stderr


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "Snakefile").write_text(SNAKEFILE.format(snakefile=str(ROOT / "Snakefile")))
    return tmp_path


def configure(folder, settings):
    (folder / "other.yaml").write_text(yaml.safe_dump({"jamun": settings}))


def test_it_samples_below_its_prefix(folder):
    torch.manual_seed(0)
    network = NetworkSettings(hidden_irreps="8x0e + 4x1e", n_convolutions=1, n_radial=8, radial_width=8)
    save_denoiser(folder / "models" / "own.ckpt", Denoiser(network, 0.3), network, TrainingSettings(), {})
    settings = {
        "dataset": "mine",
        "peptides": {"test": ["AG"]},
        "source": {"kind": "none"},
        # A path from where Snakemake was started.
        "models": {"own": {"checkpoint": "models/own.ckpt"}},
        "sampling": {"samples": 20, "chains": 2, "burn_in": 1},
    }
    configure(folder, settings)
    snakemake(folder)
    assert (folder / "count.txt").exists()
    made = folder / "peptides" / "results" / "mine" / "samples" / "own" / "AG"
    assert mdtraj.load(made / "samples.xtc", top=made / "topology.pdb").n_frames == 20
    assert (folder / "peptides" / "logs" / "mine").is_dir()
    # Nothing of it lies outside the prefix.
    assert {path.name for path in folder.iterdir() if not path.name.startswith(".")} == {
        "Snakefile", "other.yaml", "models", "peptides", "count.txt"
    }  # fmt: skip


def test_all_of_the_demo_is_planned_below_its_prefix(folder):
    configure(folder, yaml.safe_load((ROOT / "config.yaml").read_text()))
    planned = snakemake(folder, "--dry-run", "jamun_all")
    lines = re.findall(r"^    (?:input|output|log|benchmark): (.*)$", planned, re.MULTILINE)
    assert lines
    written = [path for line in lines for path in re.split(r", ", line) if re.match(r"(results|logs|work)/", path)]
    assert not written
    assert re.search(r"^jamun_plot_ramachandran|ramachandran", planned, re.MULTILINE)
    assert "report.html" not in planned  # the report is the other workflow's
