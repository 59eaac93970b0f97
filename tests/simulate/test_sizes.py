"""Peptides of 1, 2, 5 and 10 residues, with all 20 residue types among them, build and run."""

from __future__ import annotations

from pathlib import Path

import mdtraj
import numpy as np
import pytest

from jamun.config.simulate import SimulateSettings
from jamun.io.files import MdFiles
from jamun.peptides.build import build_to_files
from jamun.peptides.sequences import parse_sequence
from jamun.simulate.run import Peptide, simulate_to_files

SEQUENCES = ["T", "VY", "SW", "ACDEF", "GHIKLMNPQR"]
COMMON = {"timestep": 4.0, "hydrogen_mass": 3.0, "production": 10.0, "frame_interval": 1.0}
SOLVENTS = {
    "implicit": {"equilibration": [{"ensemble": "NVT", "duration": 1.0}], "ensemble": "NVT"},
    "explicit": {
        "equilibration": [{"ensemble": "NVT", "duration": 1.0, "restrained": True}],
        "padding": 1.2,
        "box": "dodecahedron",
        "cutoff": 0.7,
        "switch_distance": 0.0,
    },
}


def test_all_residue_types_are_among_them() -> None:
    assert set("".join(SEQUENCES)) == set("ACDEFGHIKLMNPQRSTVWY")
    assert {len(sequence) for sequence in SEQUENCES} == {1, 2, 5, 10}


@pytest.mark.parametrize("sequence", SEQUENCES)
@pytest.mark.parametrize("solvent", ["implicit", pytest.param("explicit", marks=pytest.mark.full)])
def test_builds_and_runs_ten_picoseconds(sequence: str, solvent: str, tmp_path: Path) -> None:
    pdb = tmp_path / f"{sequence}.pdb"
    build_to_files(parse_sequence(sequence), "capped", 7.0, pdb, tmp_path / "build.json")
    settings = SimulateSettings(solvent=solvent, **COMMON, **SOLVENTS[solvent])
    files = MdFiles.in_folder(tmp_path)
    simulate_to_files(Peptide(sequence, pdb, settings, tmp_path / "work", files), threads=1)
    trajectory = mdtraj.load(str(files.trajectory), top=str(files.topology))
    assert trajectory.n_frames == 10
    np.testing.assert_allclose(trajectory.time, np.arange(1, 11), atol=1e-4)
    assert trajectory.n_atoms == mdtraj.load_topology(str(pdb)).n_atoms
    bonds = np.array([(first.index, second.index) for first, second in trajectory.topology.bonds])
    lengths = mdtraj.compute_distances(trajectory, bonds, periodic=False)
    assert lengths.min() > 0.08
    assert lengths.max() < 0.25
