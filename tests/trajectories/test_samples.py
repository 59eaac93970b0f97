"""Samples of another program, taken in as a model's."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import mdtraj
import numpy as np
import pytest
from foreign import FRAMES, expected, shaken

from jamun.config import parse
from jamun.config.configuration import ConfigurationError
from jamun.data.molecule import heavy_atoms
from jamun.evaluation.ensembles import frame_chains
from jamun.io.files import SamplingFiles
from jamun.trajectories.checks import TrajectoryError
from jamun.trajectories.samples import OutsideSamples, import_samples_to_files

XTC_NM = 1.1e-3


def taken_in(pdb: Path, folder: Path, trajectory: Path, topology: Path, **told: object) -> SamplingFiles:
    files = SamplingFiles.in_folder(folder / "samples", folder / "work" / "tbg")
    import_samples_to_files(pdb, "IT", "tbg", OutsideSamples(trajectory, topology, **told), files)
    return files


def test_they_come_out_as_our_own(tmp_path: Path, built) -> None:
    """Hydrogens and another order of atoms go; a stretched bond stays, as a flaw to be counted."""
    pdb = built("IT")
    original = shaken(pdb)
    original.xyz[3, heavy_atoms(original.topology)[-1]] += 0.2
    order = np.concatenate([residue_atoms[::-1] for residue_atoms in _by_residue(original.topology)])
    foreign = original.atom_slice(order)
    foreign[0].save_pdb(str(tmp_path / "tbg.pdb"))
    foreign.save(str(tmp_path / "tbg.dcd"))
    files = taken_in(pdb, tmp_path, tmp_path / "tbg.dcd", tmp_path / "tbg.pdb", seconds=6.0, device="a large GPU")
    found = mdtraj.load(str(files.samples), top=str(files.topology))
    np.testing.assert_allclose(found.xyz, expected(original), atol=XTC_NM)
    own = mdtraj.load_topology(str(pdb))
    assert [str(atom) for atom in found.topology.atoms] == [str(own.atom(index)) for index in heavy_atoms(own)]
    assert frame_chains(files.samples, FRAMES).tolist() == [0] * FRAMES
    record = json.loads(files.record.read_text())
    assert record["milliseconds_per_sample"] == pytest.approx(1e3 * 6.0 / FRAMES)
    assert (record["device"], record["samples"]["accepted"], record["atoms"]) == ("a large GPU", FRAMES, found.n_atoms)
    told = record["import"]["trajectory"]
    assert told["sha256"] == hashlib.sha256((tmp_path / "tbg.dcd").read_bytes()).hexdigest()
    assert any("hydrogens" in note for note in record["notes"])
    with np.load(files.flags) as flags:
        assert flags["accepted"].tolist() == [True] * FRAMES
    assert not files.work.exists()


def _by_residue(topology: mdtraj.Topology) -> list[np.ndarray]:
    return [np.array([atom.index for atom in residue.atoms]) for residue in topology.residues]


def test_another_molecule_is_refused(tmp_path: Path, built) -> None:
    other = shaken(built("AG"))
    other[0].save_pdb(str(tmp_path / "tbg.pdb"))
    other.save(str(tmp_path / "tbg.xtc"))
    with pytest.raises(TrajectoryError, match=r"tbg\.pdb"):
        taken_in(built("IT"), tmp_path, tmp_path / "tbg.xtc", tmp_path / "tbg.pdb")
    assert not (tmp_path / "samples" / "sampling.json").exists()


def test_atoms_in_another_order_than_the_topology_are_refused(tmp_path: Path, built) -> None:
    """As of imported MD: bonded atoms then lie too far apart in most samples."""
    original = shaken(built("IT"))
    original[0].save_pdb(str(tmp_path / "tbg.pdb"))
    order = np.concatenate([atoms[::-1] for atoms in _by_residue(original.topology)])
    mdtraj.Trajectory(original.xyz[:, order], original.topology).save(str(tmp_path / "tbg.xtc"))
    with pytest.raises(TrajectoryError, match=r"tbg\.xtc: bond .* in another order than the trajectory"):
        taken_in(built("IT"), tmp_path, tmp_path / "tbg.xtc", tmp_path / "tbg.pdb")
    assert not (tmp_path / "samples" / "sampling.json").exists()


def test_numbers_that_are_none_and_single_frames_are_refused(tmp_path: Path, built) -> None:
    original = shaken(built("IT"))
    original[0].save_pdb(str(tmp_path / "tbg.pdb"))
    original[0].save(str(tmp_path / "one.xtc"))
    with pytest.raises(TrajectoryError, match="at least two"):
        taken_in(built("IT"), tmp_path, tmp_path / "one.xtc", tmp_path / "tbg.pdb")
    original.xyz[2, 0] = np.nan
    original.save(str(tmp_path / "nan.dcd"))
    with pytest.raises(TrajectoryError, match="finite"):
        taken_in(built("IT"), tmp_path, tmp_path / "nan.dcd", tmp_path / "tbg.pdb")


def test_the_configuration_names_their_files() -> None:
    entry = {"samples": "tbg/{peptide}/run.xtc", "seconds": "2 h", "device": "A100"}
    settings = parse({"models": {"default": {}, "tbg": entry}})
    assert settings.outside_of("tbg", "AW") == ("tbg/AW/run.xtc", "tbg/AW/run.pdb")
    assert settings.outside_of("default", "AW") is None
    assert settings.models["tbg"].seconds == 7200.0
    assert [name for name in settings.needed_models() if settings.is_trained(name)] == ["default"]
    named = parse({"models": {"tbg": entry | {"topology": "{peptide}.pdb"}}})
    assert named.outside_of("tbg", "AW") == ("tbg/AW/run.xtc", "AW.pdb")


@pytest.mark.parametrize(
    ("models", "expected"),
    [
        ({"a": {"samples": "x.xtc", "checkpoint": "y.ckpt"}}, "is not sampled here"),
        ({"a": {"samples": "x.xtc", "sampling": {"chains": 2}}}, "is not sampled here"),
        ({"a": {"seconds": 3.0}}, "give samples too"),
        ({"a": {"samples": "x.xtc"}, "b": {"training": {"initial_weights": "a"}}}, "has samples and no weights"),
    ],
)
def test_what_does_not_go_together_is_refused(models: dict, expected: str) -> None:
    with pytest.raises(ConfigurationError, match=expected):
        parse({"models": models})


def test_an_ablation_cannot_sample_with_them() -> None:
    raw = {"models": {"a": {"samples": "x.xtc"}}, "ablation": {"variants": {"slow": {"friction": 2.0}}}}
    with pytest.raises(ConfigurationError, match="has samples and cannot sample"):
        parse(raw)


def test_plain_md_has_the_wall_clock_and_the_threads_of_its_record(tmp_path: Path, built) -> None:
    """Made on this machine, it is held against other wall clocks of this machine, and is not called imported."""
    original = shaken(built("IT"))
    original[0].save_pdb(str(tmp_path / "md.pdb"))
    original.save(str(tmp_path / "md.xtc"))
    simulated = {"platform": "CPU", "threads": 1, "production": {"seconds": 12.0}}
    outside = OutsideSamples.of_simulation(tmp_path / "md.xtc", tmp_path / "md.pdb", simulated)
    files = SamplingFiles.in_folder(tmp_path / "samples", tmp_path / "work")
    import_samples_to_files(built("IT"), "IT", "md-100ps", outside, files)
    record = json.loads(files.record.read_text())
    assert (record["seconds"], record["device"], record["threads"]) == (12.0, "cpu", 1)
    assert "import" not in record
    assert record["plain_md"]["trajectory"]["file"].endswith("md.xtc")
