"""Populations from files to files: what is published, and that a killed run gives the same."""

import os
import signal
import subprocess
import sys
import time

import mdtraj
import numpy as np
import pytest

from jamun.cli.build import build
from jamun.config.populations import PopulationSettings
from jamun.config.simulate import SimulateSettings
from jamun.io.atomic import read_json, read_npz
from jamun.populations.run import PopulationError, populations_to_files, publish, read_samples

SIMULATE = SimulateSettings(solvent="implicit", ensemble="NVT", equilibration=[], timestep=4.0, hydrogen_mass=3.0)
SETTINGS = PopulationSettings(budget=12.0, target=0.001, run=2.0, warm_up=0.2, frame_interval=0.04, seeds=3)
SCRIPT = """
import sys
from pathlib import Path
sys.path.insert(0, {folder!r})
from test_populations_command import SETTINGS, SIMULATE, read_samples, populations_to_files
if __name__ == "__main__":
    where, out = Path(sys.argv[1]), Path(sys.argv[2])
    samples = read_samples([where / "samples.xtc"], where / "topology.pdb")
    populations_to_files("A", where / "A.pdb", samples, SIMULATE, SETTINGS, out, out / "work", 1)
"""


@pytest.fixture(scope="module")
def alanine(tmp_path_factory):
    """A built capped alanine, and 40 samples of its heavy atoms: two backbones, shaken a little."""
    from openmm import app, unit

    from jamun.peptides.conformations import conformed

    folder = tmp_path_factory.mktemp("alanine")
    build("A", folder, None)
    pdb = app.PDBFile(str(folder / "A.pdb"))
    topology = mdtraj.Topology.from_openmm(pdb.topology)
    positions = np.asarray(pdb.getPositions(asNumpy=True).value_in_unit(unit.nanometer))
    heavy = topology.select("element != H")
    generator = np.random.default_rng(0)
    frames = [
        conformed(pdb.topology, positions, backbone, "A")[heavy] + 0.002 * generator.standard_normal((len(heavy), 3))
        for backbone in ("beta", "alpha")
    ]
    frames = np.array([frames[number % 8 == 0] for number in range(40)])
    samples = mdtraj.Trajectory(frames, topology.subset(heavy))
    samples.save_xtc(str(folder / "samples.xtc"))
    samples[0].save_pdb(str(folder / "topology.pdb"))
    return folder


def run(folder, out, settings=SETTINGS):
    samples = read_samples([folder / "samples.xtc"], folder / "topology.pdb")
    populations_to_files("A", folder / "A.pdb", samples, SIMULATE, settings, out, out / "work", 1)


@pytest.fixture(scope="module")
def finished(alanine, tmp_path_factory):
    out = tmp_path_factory.mktemp("finished")
    run(alanine, out)
    return out


def test_what_is_published_fits_together(finished):
    result = read_json(finished / "populations.json")
    weights = read_npz(finished / "weights.npz")
    frames = mdtraj.load(str(finished / "md.xtc"), top=str(finished / "topology.pdb"))
    assert len(frames) == len(weights["weights"]) == result["frames"] == 6 * 45
    assert len(weights["samples"]) == 40
    assert weights["weights"].mean() == pytest.approx(1)
    assert weights["samples"].mean() == pytest.approx(1)
    assert [one["runs"] for one in result["rounds"]] == [3, 6]
    assert result["md_ps"] == pytest.approx(12.0)
    helical = next(step for step in result["steps"] if step["step"] == "helical")
    assert helical["samples"][1] == pytest.approx(5 / 40)
    psi = mdtraj.compute_psi(frames)[1][:, 0]
    inside = (np.degrees(psi) > -120) & (np.degrees(psi) < 50)
    assert np.average(inside, weights=weights["weights"]) == pytest.approx(helical["population"][1], abs=0.01)
    assert sum(basin["population"] for basin in result["basins"]) == pytest.approx(1)
    lowest = max(result["basins"], key=lambda basin: basin["population"])
    assert lowest["free_energy_kj"] == 0
    assert not (finished / "work").exists()


def test_killed_at_any_moment_the_same_comes_out(alanine, finished, tmp_path):
    script = tmp_path / "populate.py"
    script.write_text(SCRIPT.format(folder=os.path.dirname(__file__)))
    out = tmp_path / "out"
    command = [sys.executable, str(script), str(alanine), str(out)]
    for made in (1, 4):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while len(list((out / "work").glob("run_*.npz"))) < made and time.monotonic() < deadline:
            assert process.poll() is None
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (out / "populations.json").exists()
    run(alanine, out)
    for name in ("weights.npz", "populations.npz"):
        first, second = read_npz(finished / name), read_npz(out / name)
        for key in first:
            np.testing.assert_array_equal(first[key], second[key])
    assert (finished / "md.xtc").read_bytes() == (out / "md.xtc").read_bytes()


def test_other_settings_begin_anew_and_more_budget_goes_on(alanine, finished, tmp_path):
    out = tmp_path / "out"
    work = out / "work"
    work.mkdir(parents=True)
    (work / "identity.json").write_text('{"of": "another"}')
    (work / "run_000_00000.npz").write_bytes(b"not ours")
    run(alanine, out)
    np.testing.assert_array_equal(
        read_npz(out / "weights.npz")["weights"], read_npz(finished / "weights.npz")["weights"]
    )


def test_own_md_needs_no_samples_and_no_simulation(finished, tmp_path):
    frames = read_samples([finished / "md.xtc", finished / "md.xtc"], finished / "topology.pdb")
    own = type(frames)(frames.topology, frames.runs, 0.04)
    publish("A", own, None, 300.0, SETTINGS, tmp_path, {"md_ps": 20.0})
    result = read_json(tmp_path / "populations.json")
    assert result["runs"] == 2
    assert set(read_npz(tmp_path / "weights.npz")) == {"weights"}
    assert len(read_npz(tmp_path / "weights.npz")["weights"]) == 2 * 270


def test_samples_of_another_peptide_and_explicit_solvent_are_refused(alanine, tmp_path):
    samples = read_samples([alanine / "samples.xtc"], alanine / "topology.pdb")
    build("G", tmp_path, None)
    with pytest.raises(PopulationError, match="heavy atoms"):
        populations_to_files("G", tmp_path / "G.pdb", samples, SIMULATE, SETTINGS, tmp_path, tmp_path / "work", 1)
    with pytest.raises(PopulationError, match="implicit"):
        populations_to_files(
            "A", alanine / "A.pdb", samples, SimulateSettings(), SETTINGS, tmp_path, tmp_path / "work", 1
        )


def test_the_figure_and_the_table_are_of_the_result(finished, tmp_path):
    from jamun.commands.populations import populations_table
    from jamun.config.figures import FigureSettings
    from jamun.figures.populations import plot_populations, populations_figure_to_files

    result, maps = read_json(finished / "populations.json"), read_npz(finished / "populations.npz")
    figure = plot_populations(result, maps, FigureSettings())
    assert [axes.get_title() for axes in figure.axes[:4]] == [
        "samples",
        "samples, weighted",
        "short MD",
        "short MD, weighted",
    ]
    table = populations_table(result)
    assert f"{100 * result['basins'][0]['population']:.1f} %" in table
    populations_figure_to_files(
        finished / "populations.json",
        finished / "populations.npz",
        FigureSettings(),
        tmp_path / "a.png",
        tmp_path / "a.pdf",
    )
    assert (tmp_path / "a.png").stat().st_size > 10_000
