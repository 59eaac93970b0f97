"""The MD in time as its figure reads it: MDTraj's torsions, the recorded values, replicas, refusals."""

import csv

import mdtraj
import numpy as np
import pytest

from jamun.evaluation import simulation
from jamun.evaluation.ensembles import EvaluationError
from jamun.evaluation.simulation import MOST_POINTS, describe_simulation, describe_simulation_to_file, thinned_frames
from jamun.io.atomic import read_npz, write_json
from jamun.peptides.build import build_peptide
from jamun.peptides.sequences import parse_sequence

COLUMNS = ("time_ps", "potential_kj_mol", "kinetic_kj_mol", "temperature_k", "volume_nm3", "density_g_ml")
GAS_CONSTANT = 8.31446261815324e-3
FREEDOM = 77


class Files:
    """The four files of an MD of AR with two replicas of `frames` frames each, 0.5 ps apart, a row every 2 frames."""

    def __init__(self, folder, frames=30, solvent="implicit", imported=False):
        self.trajectory, self.topology, self.state, self.record = (
            folder / name for name in ("trajectory.xtc", "topology.pdb", "state.csv", "md.json")
        )
        topology, positions, _ = build_peptide(parse_sequence("AR"), "capped", 7.0)
        rng = np.random.default_rng(1)
        xyz = positions + rng.normal(scale=0.01, size=(2 * frames, *positions.shape))
        self.md = mdtraj.Trajectory(xyz, mdtraj.Topology.from_openmm(topology), 0.5 * np.arange(1, 2 * frames + 1))
        self.md.save_xtc(str(self.trajectory))
        self.md[0].save_pdb(str(self.topology))
        self.md = mdtraj.load(str(self.trajectory), top=str(self.topology))  # XTC rounds
        temperature = 300 + rng.normal(scale=30, size=0 if imported else frames)
        self.rows = np.stack(
            [
                np.arange(1, len(temperature) + 1, dtype=float),
                rng.normal(-300, 40, len(temperature)),
                FREEDOM * GAS_CONSTANT * temperature / 2,
                temperature,
                np.full(len(temperature), 8.0),
                rng.normal(1, 0.01, len(temperature)),
            ],
            1,
        )
        cells = [[repr(float(value)) for value in row] for row in self.rows]
        if solvent == "implicit":
            cells = [[*row[:4], "", ""] for row in cells]
        self.write_state(COLUMNS, cells)
        settings = {"kind": "files"} if imported else {"solvent": solvent, "temperature": 310.0}
        self.content = {
            "peptide": "AR",
            "settings": settings,
            "platform": None if imported else "Reference",
            "production": {"frames": 2 * frames, "frame_interval_ps": 0.5},
            "boundaries": [0, frames, 2 * frames],
        }

    def write_state(self, columns, cells):
        with open(self.state, "w", newline="", encoding="utf-8") as handle:
            csv.writer(handle).writerows([columns, *cells])

    def describe(self):
        return describe_simulation(self.trajectory, self.topology, self.state, self.content)


def expected_torsion(md, kind, place):
    """The quartet's angles (F,) in radians by MDTraj, of the residue at `place` of ACE-Ala-Arg-NME."""
    indices, angles = getattr(mdtraj, f"compute_{kind}")(md, periodic=False)
    owners = [md.topology.atom(quartet[2 if kind == "phi" else 1]).residue.index for quartet in indices]
    return angles[:, owners.index(place)]


def test_it_equals_what_mdtraj_and_the_table_say(tmp_path, monkeypatch):
    monkeypatch.setattr(simulation, "_CHUNK_FRAMES", 7)
    files = Files(tmp_path, solvent="explicit")
    arrays = files.describe()
    named = list(zip(arrays["torsion_kind"].tolist(), arrays["torsion_residue"].tolist(), strict=True))
    assert named == [(kind, place) for kind in ("phi", "psi") for place in (1, 2)] + [
        (f"chi{k}", 2) for k in range(1, 6)
    ]
    assert set(arrays["torsion_residue_name"][[0, 2]]) == {"ALA"}
    for column, (kind, place) in enumerate(named):
        difference = arrays["torsion_angles"][:, column] - expected_torsion(files.md, kind, place)
        np.testing.assert_allclose(np.angle(np.exp(1j * difference)), 0, atol=1e-5)
    np.testing.assert_allclose(arrays["torsion_time_ps"], files.md.time)
    np.testing.assert_array_equal(arrays["torsion_replica"], np.repeat([0, 1], 30))
    for name in ("time_ps", "potential_kj_mol", "temperature_k", "density_g_ml"):
        stored = arrays["state_time_ps" if name == "time_ps" else name]
        np.testing.assert_array_equal(stored, files.rows[:, COLUMNS.index(name)])
    np.testing.assert_array_equal(arrays["state_replica"], np.repeat([0, 1], 15))
    assert arrays["degrees_of_freedom"] == FREEDOM
    assert arrays["thermostat_k"] == 310
    assert arrays["replica_ends_ps"].tolist() == [15, 30]


def test_implicit_solvent_and_imports(tmp_path):
    arrays = Files(tmp_path).describe()
    assert np.isnan(arrays["density_g_ml"]).all()
    assert np.isfinite(arrays["temperature_k"]).all()
    assert (str(arrays["solvent"]), bool(arrays["imported"])) == ("implicit", False)

    arrays = Files(tmp_path, imported=True).describe()
    assert arrays["torsion_angles"].shape == (60, 9)
    for name in ("state_time_ps", "state_replica", "temperature_k", "potential_kj_mol", "density_g_ml"):
        assert arrays[name].shape == (0,)
    assert np.isnan(arrays["thermostat_k"])
    assert arrays["degrees_of_freedom"] == 0
    assert (str(arrays["solvent"]), bool(arrays["imported"])) == ("", True)


def test_thinning_keeps_the_start_of_every_replica():
    np.testing.assert_array_equal(thinned_frames([0, 3, 5]), np.arange(5))
    np.testing.assert_array_equal(thinned_frames([0, 5, 6, 12], most=4), [0, 3, 5, 6, 9])
    for boundaries in ([0, 10**6], [0, 2001], [0, 700, 1500, 2100], [0, *range(50, 50_001, 50)]):
        frames = thinned_frames(boundaries)
        assert set(boundaries[:-1]) <= set(frames.tolist())
        assert len(frames) <= MOST_POINTS + len(boundaries) - 1
        assert (np.diff(frames) > 0).all()


def test_thinned_torsions_are_those_of_the_frames_that_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(simulation, "_CHUNK_FRAMES", 7)
    files = Files(tmp_path)
    frames = thinned_frames([0, 30, 60], most=9)
    _, angles = simulation.thinned_torsions(files.trajectory, files.topology, [0, 30, 60])
    monkeypatch.setattr(simulation, "thinned_frames", lambda boundaries: frames)
    arrays = files.describe()
    np.testing.assert_allclose(arrays["torsion_angles"], angles[frames], atol=1e-6)
    np.testing.assert_allclose(arrays["torsion_time_ps"], 0.5 * (frames + 1))
    np.testing.assert_array_equal(arrays["torsion_replica"], frames // 30)


def test_the_file_holds_the_arrays(tmp_path):
    files = Files(tmp_path)
    write_json(files.record, files.content)
    describe_simulation_to_file(files.trajectory, files.topology, files.state, files.record, tmp_path / "AR.npz")
    stored = read_npz(tmp_path / "AR.npz")
    for name, array in files.describe().items():
        np.testing.assert_array_equal(stored.pop(name), array)
    assert stored == {}


def other_frames(files):
    files.content["boundaries"] = [0, 30, 61]


def another_molecule(files):
    files.md.atom_slice(range(12))[0].save_pdb(str(files.topology))


def no_trajectory(files):
    files.trajectory.write_bytes(b"no frames here, only text\n" * 10)


def not_finite(files):
    xyz = files.md.xyz.copy()
    xyz[40, 3] = np.nan
    mdtraj.Trajectory(xyz, files.md.topology).save_dcd(str(files.trajectory.with_suffix(".dcd")))
    files.trajectory = files.trajectory.with_suffix(".dcd")


def no_column(files):
    files.write_state(COLUMNS[:3], [])


def words_for_numbers(files):
    files.write_state(COLUMNS, [["1.0", "much", "2", "300", "", ""]])


def rows_too_late(files):
    files.write_state(COLUMNS, [["31.0", "1", "2", "300", "", ""]])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (other_frames, r"trajectory\.xtc: 60 frames, but its record tells of 61"),
        (another_molecule, r"trajectory\.xtc: cannot be read with .*topology\.pdb"),
        (no_trajectory, r"trajectory\.xtc: cannot be read"),
        (not_finite, "not finite"),
        (no_column, r"state\.csv: has no column temperature_k"),
        (words_for_numbers, r"state\.csv: .*much"),
        (rows_too_late, r"state\.csv: goes on after 30 ps"),
    ],
)
def test_refusals(tmp_path, spoil, words):
    files = Files(tmp_path)
    spoil(files)
    with pytest.raises(EvaluationError, match=words):
        files.describe()
