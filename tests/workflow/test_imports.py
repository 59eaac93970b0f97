"""A workflow on imported trajectories: what it plans, what it refuses, and a small one run to its end."""

import csv
import json

import h5py
import mdtraj
import numpy as np
import pytest
import yaml
from conftest import SMALL, Workflow

from jamun.peptides.build import build_to_files
from jamun.peptides.sequences import parse_sequence

pytestmark = pytest.mark.workflow

PEPTIDES = ("AA", "GS", "SA", "AV")
FRAMES = 80
INTERVAL = 0.5
BIAS = [{"kind": "psi", "residue": 2, "residue_name": "ALA", "cosines": [1.0, 9.0], "sines": [2.0, -9.0]}]


def write_source(folder, name):
    """Two replicas of 40 frames of the peptide in the names of Amber, with two waters, and its PDB."""
    pdb = folder / f"{name}-built.pdb"
    build_to_files(parse_sequence(name), "capped", 7.0, pdb, pdb.with_suffix(".json"))
    built = mdtraj.load(str(pdb))
    next(atom for atom in built.topology.atoms if str(atom) == "NME4-C").name = "CH3"
    rng = np.random.default_rng(0)
    water = mdtraj.Topology()
    for _ in range(2):
        residue = water.add_residue("HOH", water.add_chain())
        for symbol, label in (("O", "O"), ("H", "H1"), ("H", "H2")):
            water.add_atom(label, mdtraj.element.get_by_symbol(symbol), residue)
    peptide = mdtraj.Trajectory(
        built.xyz + rng.normal(scale=0.004, size=(FRAMES, built.n_atoms, 3)), built.topology, INTERVAL * np.arange(80)
    )
    whole = peptide.stack(mdtraj.Trajectory(rng.uniform(0, 2, (FRAMES, 6, 3)), water))
    whole.time = peptide.time
    whole[0].save_pdb(str(folder / f"{name}.pdb"))
    whole[:40].save_xtc(str(folder / f"{name}_1.xtc"))
    whole[40:].save_xtc(str(folder / f"{name}_2.xtc"))
    return peptide


@pytest.fixture(scope="module")
def imports(tmp_path_factory):
    """The small configuration with a table of files as its source."""
    folder = tmp_path_factory.mktemp("imports")
    data = folder / "data"
    data.mkdir()
    for name in PEPTIDES:
        write_source(data, name)
    # That of AA, a training peptide, had a bias.
    rows = [f"{name},{name}.pdb,{name}_1.xtc;{name}_2.xtc,{'bias.json' if name == 'AA' else ''}" for name in PEPTIDES]
    (data / "table.csv").write_text("\n".join(["peptide,topology,trajectory,bias", *rows]) + "\n")
    (data / "bias.json").write_text(json.dumps({"bias": BIAS}))
    raw = yaml.safe_load(SMALL.read_text()) | {"source": {"kind": "files", "table": "data/table.csv"}}
    del raw["simulate"]
    (folder / "imports.yaml").write_text(yaml.safe_dump(raw))
    return Workflow(folder, folder / "imports.yaml")


def test_plans_imports_and_no_simulation(imports):
    planned = imports.planned("simulations", "all")
    assert planned["build_peptide"] == planned["import_trajectory"] == planned["featurize"] == 4
    assert planned["train"] == planned["sample"] == planned["compare"] == 1
    assert "simulate" not in planned


def test_a_peptide_that_the_source_lacks_ends_it_before_any_job(imports):
    finished = imports.with_changes(peptides={"test": ["AW"]}).run("--dry-run", "all", check=False)
    assert finished.returncode == 1
    assert "data/table.csv: no row for peptide AW" in " ".join(finished.stdout.split())
    assert "Traceback" not in finished.stdout


def test_a_refused_file_ends_the_job_with_its_sentence(imports):
    path = imports.folder / "data" / "AV_2.xtc"
    whole = path.read_bytes()
    path.write_bytes(b"no frames here, only text\n" * 10)
    finished = imports.run("--cores", "1", "results/small/md/AV/md.json", check=False)
    path.write_bytes(whole)
    assert finished.returncode == 1
    assert "data/AV_2.xtc: not readable as XTC" in finished.stdout
    assert "Traceback" not in finished.stdout
    assert not (imports.folder / "results/small/md/AV/md.json").exists()


def test_md_with_a_bias_is_no_reference(imports):
    table = imports.folder / "data" / "table.csv"
    rows = table.read_text()
    (imports.folder / "data" / "of_test.json").write_text(json.dumps({"bias": BIAS}).replace("ALA", "VAL"))
    table.write_text(rows.replace("AV_2.xtc,", "AV_2.xtc,of_test.json"))
    finished = imports.run("--cores", "1", "results/small/simulations/AV.json", check=False)
    table.write_text(rows)
    assert finished.returncode == 1
    assert "trajectory.xtc: this MD was made with a bias, for training alone" in " ".join(finished.stdout.split())
    assert "Traceback" not in finished.stdout


def test_from_imports_to_the_summary(imports):
    imports.run("--cores", "1", "evaluate")
    results = imports.folder / "results" / "small"
    record = json.loads((results / "md/AV/md.json").read_text())
    assert record["boundaries"] == [0, 40, 80]
    assert any("2 HOH" in fix for fix in record["import"]["fixes"])
    with h5py.File(results / "features/train/AA.h5") as store:
        assert store["positions"].shape == (FRAMES, 15, 3)
        assert store["boundaries"][:].tolist() == [0, 40, 80]
        assert store["residue_weights"].shape == (FRAMES, 4)
        assert (store["residue_weights"][:].std(0) > 0.01).tolist() == [False, True, True, True]  # ACE is far
    assert json.loads((results / "md/AA/md.json").read_text())["bias"] == BIAS
    assert json.loads((results / "models/default/training.json").read_text())["reweighted_frames"]
    compared = json.loads((results / "evaluation/default/AV.json").read_text())
    assert compared["reference"]["replicas"] == 2
    assert compared["reference"]["seconds"] is compared["reference"]["device"] is None
    assert "The MD was imported; what it ran on is not known." in compared["notes"]
    assert compared["baselines"]["md_equal_wall_clock"]["frames"] is None
    assert 0 < float(next(csv.DictReader((results / "evaluation/summary.csv").open()))["js_backbone"]) < 0.8326
    assert not [path for path in (imports.folder / "work").rglob("*") if path.is_file()]

    # Another source section imports again, and all that follows; one more row of the table does not.
    planned = imports.with_changes(source={"stride": 2}).planned("evaluate")
    assert planned["import_trajectory"] == 4
    assert planned["featurize"] == 3  # test peptides are evaluated without features
    assert planned["train"] == planned["sample"] == planned["compare"] == 1
    assert "build_peptide" not in planned
    with (imports.folder / "data" / "table.csv").open("a") as table:
        table.write("WW,WW.pdb,WW.xtc\n")
    assert imports.planned("evaluate") == {}
