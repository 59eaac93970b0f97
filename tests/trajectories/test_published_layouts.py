"""Files in exactly the layouts of Timewarp and ManyPeptidesMD, from their folders to our MD."""

from __future__ import annotations

import mdtraj
import numpy as np
import pytest
from foreign import expected, shaken

from jamun.config.source import SourceSettings
from jamun.trajectories.checks import TrajectoryError
from jamun.trajectories.sources import SourceError, locate

XTC_NM = 1.1e-3
STEP = 0.0005  # ps
REPORTS = 12


def write_timewarp(folder, pdb, name, around=(-3, 5), spacing=2000, first=20_000):
    """Reports every so many steps and frames `around` each, with all arrays of the public program; the whole frames."""
    steps = sorted(first + spacing * report + offset for report in range(REPORTS) for offset in (0, *around))
    whole = shaken(pdb, len(steps))
    shape = whole.xyz.shape
    np.savez_compressed(
        folder / f"{name}-traj-arrays.npz",
        step=np.array(steps),
        time=np.array(steps) * STEP,
        energies=np.zeros((len(steps), 2)),
        positions=whole.xyz,
        velocities=np.zeros(shape, np.float32),
        forces=np.zeros(shape, np.float32),
    )
    whole[0].save_pdb(str(folder / f"{name}-traj-state0.pdb"))
    return whole[[place for place, step in enumerate(steps) if step % spacing == 0]]


def test_timewarp_has_frames_around_its_reports(tmp_path, built, imported):
    pdb = built("IT", "uncapped")
    reports = write_timewarp(tmp_path, pdb, "IT")
    settings = {"kind": "timewarp", "folder": str(tmp_path), "frame_interval": "1 ps"}
    files = locate(SourceSettings(**settings), ["IT"], tmp_path)["IT"]
    found = imported(pdb, tmp_path / files.topology, tmp_path / files.trajectories[0], **settings, table=None)
    np.testing.assert_allclose(found.trajectory.xyz, expected(reports), atol=XTC_NM)
    np.testing.assert_allclose(found.trajectory.time, 1.0 + np.arange(REPORTS))
    assert found.record["production"]["frame_interval_ps"] == 1.0
    assert found.record["boundaries"] == [0, REPORTS]
    assert f"left out {2 * REPORTS} frames of IT-traj-arrays.npz between its reports" in found.record["import"]["fixes"]
    # Every second report, and every second of these.
    thinned = imported(
        pdb, tmp_path / files.topology, tmp_path / files.trajectories[0], **settings | {"frame_interval": "2 ps"},
        table=None, stride=2,
    )  # fmt: skip
    np.testing.assert_allclose(thinned.trajectory.xyz, expected(reports[::4]), atol=XTC_NM)
    assert thinned.record["production"]["frame_interval_ps"] == 4.0


def test_timewarp_with_another_interval_than_told(tmp_path, built, imported):
    pdb = built("IT", "uncapped")
    write_timewarp(tmp_path, pdb, "IT")
    files = tmp_path / "IT-traj-state0.pdb", tmp_path / "IT-traj-arrays.npz"
    settings = {"kind": "timewarp", "folder": str(tmp_path), "table": None}
    with pytest.raises(TrajectoryError, match=r"no frame at 10\.5 ps, though source\.frame_interval is 0\.5 ps"):
        imported(pdb, *files, **settings, frame_interval="0.5 ps")
    whole = shaken(pdb)
    np.savez(files[1], positions=whole.xyz, time=np.arange(3.0))
    with pytest.raises(TrajectoryError, match=r"time is float64 of shape \(3,\) for 12 frames"):
        imported(pdb, *files, **settings, frame_interval="1 ps")
    # Without times, the interval is believed.
    np.savez(files[1], positions=whole.xyz)
    assert len(imported(pdb, *files, **settings, frame_interval="1 ps").trajectory) == len(whole)


def write_manypeptides(folder, pdb, name, split):
    whole = shaken(pdb)
    (folder / "pdbs" / split).mkdir(parents=True)
    subset = folder / "trajectories_subsampled" / split / f"{len(name)}AA"
    subset.mkdir(parents=True)
    mdtraj.load(str(pdb)).save_pdb(str(folder / "pdbs" / split / f"{name}.pdb"))
    np.savez(
        subset / f"{name}_subsampled.npz",
        positions=whole.xyz,
        tica_projection=np.zeros((34, 2)),
        tica_mean=np.zeros(34),
        tica_dim=np.array(2),
    )
    return whole


@pytest.mark.parametrize("split", ["test", "val"])
def test_manypeptides(tmp_path, built, imported, split):
    pdb = built("IT", "uncapped")
    whole = write_manypeptides(tmp_path, pdb, "IT", split)
    settings = {"kind": "manypeptides", "folder": str(tmp_path), "frame_interval": "500 ps"}
    files = locate(SourceSettings(**settings), ["IT"], tmp_path)["IT"]
    assert files.topology.as_posix() == f"pdbs/{split}/IT.pdb"
    found = imported(pdb, tmp_path / files.topology, tmp_path / files.trajectories[0], **settings, table=None)
    np.testing.assert_allclose(found.trajectory.xyz, expected(whole), atol=XTC_NM)
    assert found.record["production"]["frame_interval_ps"] == 500.0
    assert found.record["import"]["fixes"][0].startswith("left out")


def test_manypeptides_that_are_not_there_are_named(tmp_path):
    settings = SourceSettings(kind="manypeptides", folder=".", frame_interval=1.0)
    with pytest.raises(SourceError, match=r"pdbs/test/AAAA\.pdb: no such file"):
        locate(settings, ["AAAA"], tmp_path)
    with pytest.raises(ValueError, match="kind manypeptides needs frame_interval"):
        SourceSettings(kind="manypeptides", folder=".")
