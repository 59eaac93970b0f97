"""Populations from files to files: what is published, and that a killed run gives the same."""

import io
import os
import shutil
import signal
import time
from contextlib import redirect_stdout
from types import SimpleNamespace

import mdtraj
import numpy as np
import pytest
import yaml

from jamun.cli.populations import populations
from jamun.cli.stages import build
from jamun.config.populations import PopulationSettings
from jamun.config.simulate import SimulateSettings
from jamun.evaluation.ensembles import read_weights
from jamun.io.atomic import read_json, read_npz, write_json
from jamun.io.files import SamplingFiles
from jamun.io.log import UserError
from jamun.populations.residues import PeptideRuns
from jamun.populations.run import (
    PeptideFrames,
    PopulationError,
    PopulationFolders,
    estimate,
    populations_to_files,
    publish,
    read_md,
    read_samples,
)
from jamun.populations.samples import weighted_samples_to_files

SIMULATE = SimulateSettings(solvent="implicit", ensemble="NVT", equilibration=[], timestep=4.0, hydrogen_mass=3.0)
SETTINGS = PopulationSettings(
    budget=14.2, target=0.001, run=2.0, warm_up=0.2, frame_interval=0.04, seeds=3, barriers={"runs": 1}
)
CONFIGURATION = {
    "simulate": SIMULATE.model_dump(mode="json"),
    "populations": SETTINGS.model_dump(mode="json"),
    "figures": {"dpi": 50},
}


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
    samples = read_samples(folder / "samples.xtc", folder / "topology.pdb")
    populations_to_files("A", folder / "A.pdb", samples, SIMULATE, settings, PopulationFolders(out, out / "work"), 1)


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
    assert result["md_ps"] == pytest.approx(14.16)
    assert [(one["kind"], one["residue"]) for one in result["bias"]] == [("phi", 1), ("psi", 1)]
    helical = next(step for step in result["steps"] if step["step"] == "helical")
    assert helical["samples"][1] == pytest.approx(5 / 40)
    psi = mdtraj.compute_psi(frames)[1][:, 0]
    inside = (np.degrees(psi) > -120) & (np.degrees(psi) < 50)
    assert np.average(inside, weights=weights["weights"]) == pytest.approx(helical["population"][1], abs=0.01)
    assert sum(basin["population"] for basin in result["basins"]) == pytest.approx(1)
    lowest = max(result["basins"], key=lambda basin: basin["population"])
    assert lowest["free_energy_kj"] == 0
    assert not (finished / "work").exists()


def same(first, second):
    """Whether two folders hold the same populations."""
    for name in ("weights.npz", "populations.npz"):
        one, other = read_npz(first / name), read_npz(second / name)
        for key in one:
            np.testing.assert_array_equal(one[key], other[key])
    assert (first / "md.xtc").read_bytes() == (second / "md.xtc").read_bytes()
    one, other = (read_json(folder / "populations.json") for folder in (first, second))
    assert one.pop("seconds") > 0
    assert other.pop("seconds") > 0
    one.pop("provenance"), other.pop("provenance")
    assert one == other


def by_command(folder, out):
    """The command, as a user of own samples calls it."""
    shutil.copy(folder / "A.pdb", out)
    populations(
        sequence="A",
        samples=folder / "samples.xtc",
        topology=folder / "topology.pdb",
        out=out,
        config=folder / "config.yaml",
        processes=1,
    )


def by_stage(folder, out):
    """What the rules of the workflow call, one after the other."""
    run(folder, out)
    record = out / "sampling.json"
    write_json(record, {"seconds": 5.0, "device": "cpu", "threads": 1, "atoms": 10})
    weighted_samples_to_files(out, record, SamplingFiles.in_folder(out / "samples"))


@pytest.mark.parametrize("way", [by_command, by_stage])
def test_killed_at_ten_random_moments_the_same_comes_out(alanine, finished, tmp_path, way):
    """Each kill is of a process that was forked here, so that it falls into the work and not into imports."""
    (alanine / "config.yaml").write_text(yaml.safe_dump(CONFIGURATION))
    out = tmp_path / "out"
    out.mkdir()
    generator = np.random.default_rng(0)
    killed = 0
    began = time.monotonic()
    with redirect_stdout(io.StringIO()):
        way(alanine, out)
    whole = time.monotonic() - began
    same(finished, out)
    shutil.rmtree(out)
    while killed < 10:
        out.mkdir(exist_ok=True)
        child = os.fork()
        if child == 0:
            try:
                with redirect_stdout(io.StringIO()):
                    way(alanine, out)
            finally:
                os._exit(0)
        time.sleep(generator.uniform(0.02, 0.5) * whole)
        if os.waitpid(child, os.WNOHANG) == (0, 0):
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            killed += 1
        else:  # all that was killed before has come to its end
            same(finished, out)
            shutil.rmtree(out)
    out.mkdir(exist_ok=True)
    with redirect_stdout(io.StringIO()):
        way(alanine, out)
    same(finished, out)
    if way is by_stage:
        assert read_json(out / "samples/sampling.json")["chain_lengths"] == [45] * 6
        assert read_weights(out / "samples/weights.npz", 6 * 45).mean() == pytest.approx(1)


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


def test_barriers_may_stay_and_then_relaxation_times_are_told(alanine, finished, tmp_path):
    settings = SETTINGS.with_changes({"barriers": {"height": None}})
    run(alanine, tmp_path, settings)
    result = read_json(tmp_path / "populations.json")
    assert result["bias"] is None
    assert result["runs"] == 7
    assert any(step["timescale_ps"] is not None for step in result["steps"])
    assert all(step["timescale_ps"] is None for step in read_json(finished / "populations.json")["steps"])


@pytest.fixture(scope="module")
def own(finished, tmp_path_factory):
    """The runs of `finished`, one after another in a file of which nothing tells a bias."""
    return shutil.copy(finished / "md.xtc", tmp_path_factory.mktemp("own") / "md.xtc")


def own_md(finished, folder, **given):
    """The command with own MD: that of `finished`, unless another is given."""
    given = {"md": [finished / "md.xtc"], "topology": finished / "topology.pdb"} | given
    with redirect_stdout(io.StringIO()):
        populations(out=folder, **given)
    return read_json(folder / "populations.json"), read_npz(folder / "weights.npz")


def test_own_md_needs_no_samples_and_no_simulation(finished, own, tmp_path):
    """A file is several runs where its times fall back, and tells the time between frames."""
    mdtraj.load(str(finished / "md.xtc"), top=str(finished / "topology.pdb"))[:30].save_xtc(str(tmp_path / "short.xtc"))
    result, weights = own_md(finished, tmp_path / "out", md=[own, tmp_path / "short.xtc"])
    assert result["frames_of_runs"] == [*6 * [45], 30]
    assert result["frame_interval_ps"] == pytest.approx(0.04)
    assert result["md_ps"] == pytest.approx(0.04 * 300)
    assert set(weights) == {"weights"}
    assert len(weights["weights"]) == 300
    assert np.isfinite(weights["weights"]).all()


def test_md_of_populations_keeps_its_bias(finished, own, tmp_path):
    result, _ = own_md(finished, tmp_path / "out", md=[finished / "md.xtc"])
    assert result["bias"] == read_json(finished / "populations.json")["bias"]
    assert own_md(finished, tmp_path / "plain", md=[own])[0]["bias"] is None
    with pytest.raises(UserError, match="different biases"):
        own_md(finished, tmp_path / "both", md=[finished / "md.xtc", own])


def test_md_of_another_program_is_taken_in_as_any_trajectory(finished, own, tmp_path):
    """With water and the atoms of residues in another order it gives the same; under a topology in our order it is no
    molecule."""
    frames = mdtraj.load(str(finished / "md.xtc"), top=str(finished / "topology.pdb"))
    topology, order = mdtraj.Topology(), []
    for residue in frames.topology.residues:
        there = topology.add_residue(residue.name, topology.chain(0) if order else topology.add_chain())
        for atom in reversed(list(residue.atoms)):
            topology.add_atom(atom.name, atom.element, there)
            order.append(atom.index)
    water = topology.add_residue("HOH", topology.add_chain())
    topology.add_atom("O", mdtraj.element.oxygen, water)
    positions = np.concatenate([frames.xyz[:, order], np.full((len(frames), 1, 3), 5.0)], axis=1)
    foreign = mdtraj.Trajectory(positions, topology, time=frames.time)
    foreign[0].save_pdb(str(tmp_path / "foreign.pdb"))
    foreign.save_xtc(str(tmp_path / "foreign.xtc"))
    plain = own_md(finished, tmp_path / "plain", md=[own])[1]
    given = {"md": [tmp_path / "foreign.xtc"], "sequence": "A"}
    found = own_md(finished, tmp_path / "out", topology=tmp_path / "foreign.pdb", **given)[1]
    np.testing.assert_allclose(found["weights"], plain["weights"], rtol=0.02)  # positions are rounded once more
    wrong = mdtraj.Trajectory(frames.xyz[:, order], frames.topology, time=frames.time)
    wrong.save_xtc(str(tmp_path / "wrong.xtc"))
    with pytest.raises(UserError, match="in another order than the trajectory"):
        own_md(finished, tmp_path / "wrong", md=[tmp_path / "wrong.xtc"])
    assert not (tmp_path / "wrong").exists()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"sequence": "G"}, "holds A with ACE and NME, and the sequence given is G"),
        ({"sequence": "H-A-OH"}, "is H-A-OH, not capped"),
        ({"sequence": "A(D)"}, "the sequence given is A"),
        ({"md": 2}, "given twice"),
        ({"topology": None}, "need --topology"),
        ({"budget": "10ns"}, "leave them out"),
        ({"target": 0.1}, "leave them out"),
        ({"md": None, "sequence": "A"}, "--topology is of"),
        ({"md": None, "topology": None}, "give --sequence"),
        ({"md": None, "topology": None, "sequence": "A", "frame_interval": 1.0}, "--frame-interval is of --md"),
        ({"md": None, "topology": None, "sequence": "A", "budget": "10 parsecs"}, "--budget: populations.budget: "),
        ({"md": None, "topology": None, "sequence": "A", "target": 2.0}, "--target: populations.target: "),
        ({"md": None, "topology": None, "sequence": "A", "budget": "1 ps"}, "--budget: "),
    ],
)
def test_options_that_do_not_fit_are_one_sentence(finished, tmp_path, given, told):
    if given.get("md") == 2:
        given = given | {"md": 2 * [finished / "md.xtc"]}
    with pytest.raises(UserError, match=told) as refused:
        own_md(finished, tmp_path / "out", **given)
    assert "\n" not in str(refused.value)
    assert not (tmp_path / "out").exists()


def test_times_that_do_not_tell_the_interval_are_told(finished, tmp_path, caplog):
    frames = mdtraj.load(str(finished / "md.xtc"), top=str(finished / "topology.pdb"))
    frames.save_dcd(str(tmp_path / "md.dcd"))
    with pytest.raises(PopulationError, match="--frame-interval"):
        own_md(finished, tmp_path / "out", md=[tmp_path / "md.dcd"])
    own_md(finished, tmp_path / "out", frame_interval=0.4)
    assert "0.04 ps apart; taken as 0.4 ps apart" in caplog.text


def test_samples_that_were_rejected_do_not_count(alanine, tmp_path):
    """Own samples that were drawn by `jamun sample` come with their flags."""
    for name in ("samples.xtc", "topology.pdb"):
        shutil.copy(alanine / name, tmp_path)
    accepted = np.arange(40) % 2 == 0
    np.savez(tmp_path / "flags.npz", accepted=accepted)
    every = read_samples(tmp_path / "samples.xtc", tmp_path / "topology.pdb").runs[0]
    assert len(every) == 40  # flags of who knows what
    mdtraj.Trajectory(every, mdtraj.load_topology(str(tmp_path / "topology.pdb"))).save_xtc(
        str(tmp_path / "samples.xtc")
    )
    with mdtraj.formats.XTCTrajectoryFile(str(tmp_path / "samples.xtc"), "w") as xtc:
        xtc.write(every, time=np.arange(1, 41, dtype=np.float32), step=np.zeros(40, dtype=np.int32))
    write_json(tmp_path / "sampling.json", {"chain_lengths": [40]})
    found = read_samples(tmp_path / "samples.xtc", tmp_path / "topology.pdb")
    np.testing.assert_allclose(found.runs[0], every[accepted], atol=1e-3)
    np.savez(tmp_path / "flags.npz", accepted=accepted[1:])
    with pytest.raises(PopulationError, match="is not of the 40 samples"):
        read_samples(tmp_path / "samples.xtc", tmp_path / "topology.pdb")


def test_samples_are_drawn_again_where_their_settings_have_changed(tmp_path, checkpoint, monkeypatch, caplog):
    """And are taken as they are where nothing that decides them has: by what sampling.json tells."""
    begun = []
    monkeypatch.setattr("jamun.cli.populations.shipped_model", lambda _: SimpleNamespace(weights=checkpoint))
    monkeypatch.setattr("jamun.populations.run.populations_to_files", lambda *given: begun.append(given[2].runs[0]))

    def with_samples(**sampling):
        caplog.clear()
        (tmp_path / "config.yaml").write_text(
            yaml.safe_dump({"sampling": {"samples": 4, "chains": 2} | sampling, "figures": {"dpi": 50}})
        )
        with pytest.raises(FileNotFoundError, match="populations"):  # of the MD that is not made here
            populations(sequence="AG", out=tmp_path / "out", config=tmp_path / "config.yaml", processes=1)
        return (tmp_path / "out/samples/samples.xtc").stat().st_mtime_ns, begun[-1]

    first, frames = with_samples()
    assert with_samples(checkpoint_interval=5.0, device="cpu")[0] == first
    assert "drawn again" not in caplog.text
    again, others = with_samples(seed=1)
    assert again != first
    assert "AG: samples are drawn again, since it changed: sampling.seed from 0 to 1" in caplog.text
    assert np.abs(others - frames).max() > 0.01
    # What a file of an earlier version does not tell is not held against it.
    record = read_json(tmp_path / "out/samples/sampling.json")
    del record["starts"]["sha256"]
    write_json(tmp_path / "out/samples/sampling.json", record)
    assert with_samples(seed=1)[0] == again


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"lag": 1.5}, "populations.lag: 1.5 ps"),
        ({"budget": 12.0, "warm_up": 0.96, "barriers": {"runs": 4}}, "leave no run of 2 ps"),
        ({"run": 0.01, "warm_up": 0.0, "frame_interval": 0.001}, "4 are the least"),
    ],
)
def test_settings_that_leave_nothing_are_refused_before_md(alanine, tmp_path, changes, told):
    with pytest.raises(PopulationError, match=told):
        run(alanine, tmp_path, SETTINGS.with_changes(changes))
    assert not list(tmp_path.rglob("run_*"))


def test_the_mirror_image_has_the_populations_of_a_d_residue(finished, tmp_path):
    frames = read_md([finished / "md.xtc"], finished / "topology.pdb", 0.04)
    runs, found = np.split(np.concatenate(frames.runs), 6), {}
    for name, sign in (("left", 1), ("right", -1)):
        own = PeptideFrames(frames.topology, [run * [sign, 1, 1] for run in runs], 0.04)
        (tmp_path / name).mkdir()
        publish("A", own, own, 300.0, SETTINGS, tmp_path / name, {})
        found[name] = read_json(tmp_path / name / "populations.json")
    left, right = found["left"], found["right"]
    assert [step["step"] for step in left["steps"]] == ["phi > 0", "helical"]
    assert [step["step"] for step in right["steps"]] == ["phi < 0", "helical"]
    assert right["basins"][-1]["basin"] == "phi < 0"
    for one, other in zip(left["steps"], right["steps"], strict=True):
        assert other["population"] == pytest.approx(one["population"], abs=1e-6)


def test_a_peptide_without_caps_has_populations_of_what_turns(tmp_path):
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(CONFIGURATION))
    build("H-AS-OH", tmp_path, None)
    frames = mdtraj.load(str(tmp_path / "H-AS-OH.pdb"))
    heavy = frames.atom_slice(frames.topology.select("element != H"))
    generator = np.random.default_rng(0)
    shaken = heavy.xyz + 0.002 * generator.standard_normal((20, heavy.n_atoms, 3))
    samples = mdtraj.Trajectory(shaken, heavy.topology)
    samples.save_xtc(str(tmp_path / "samples.xtc"))
    heavy.save_pdb(str(tmp_path / "heavy.pdb"))
    out = io.StringIO()
    with redirect_stdout(out):
        populations(
            sequence="H-AS-OH",
            samples=tmp_path / "samples.xtc",
            topology=tmp_path / "heavy.pdb",
            out=tmp_path / "out",
            config=tmp_path / "config.yaml",
            processes=1,
        )
    steps = [(step["place"], step["step"]) for step in read_json(tmp_path / "out/populations.json")["steps"]]
    assert steps == [(1, "helical"), (2, "phi > 0"), (2, "chi1")]
    assert (tmp_path / "out/populations.png").stat().st_size > 1000
    assert "Ser2     phi < 0" in out.getvalue()


def test_what_is_not_of_the_runs_stays_in_the_folder_of_work(alanine, finished, tmp_path):
    """With `--out .` that is the folder `work` of a project, with its unfinished MD."""
    (tmp_path / "work" / "simulate").mkdir(parents=True)
    theirs = [tmp_path / "work" / name for name in ("simulate/state.xml", "store.npz")]
    for path in theirs:
        path.write_text("theirs")
    (tmp_path / "work" / ".run_000_00000.123.npz").write_bytes(b"of a kill")
    run(alanine, tmp_path)
    same(finished, tmp_path)
    left = {path.name for path in (tmp_path / "work").rglob("*") if path.is_file()}
    assert left == {"state.xml", "store.npz"}


@pytest.mark.parametrize("held", ["MD", "samples", "populations"])
def test_a_folder_of_something_else_is_refused(finished, tmp_path, held):
    names = {"MD": "md.json", "samples": "sampling.json", "populations": "populations.json"}
    other = "G" if held == "populations" else "A"
    write_json(tmp_path / names[held], {"peptide": other})
    (tmp_path / "weights.npz").write_bytes(b"theirs")
    md = {"md": [finished / "md.xtc"], "topology": finished / "topology.pdb", "frame_interval": 0.04}
    for given in (md, {}):
        with pytest.raises(UserError, match=f"holds {held} of {other}"):
            populations(sequence="A", out=tmp_path, **given)
    assert (tmp_path / "weights.npz").read_bytes() == b"theirs"
    assert not (tmp_path / "samples").exists()


def test_md_of_what_does_not_turn_is_refused():
    with pytest.raises(PopulationError, match="no phi, psi or chi1"):
        estimate(PeptideRuns("X", [], [np.zeros((100, 0))], 1.0), None, SETTINGS)


def test_samples_of_another_peptide_and_explicit_solvent_are_refused(alanine, tmp_path):
    samples = read_samples(alanine / "samples.xtc", alanine / "topology.pdb")
    build("G", tmp_path, None)
    folders = PopulationFolders(tmp_path, tmp_path / "work")
    with pytest.raises(PopulationError, match="heavy atoms"):
        populations_to_files("G", tmp_path / "G.pdb", samples, SIMULATE, SETTINGS, folders, 1)
    with pytest.raises(PopulationError, match="implicit"):
        populations_to_files("A", alanine / "A.pdb", samples, SimulateSettings(), SETTINGS, folders, 1)


def test_md_with_lowered_barriers_is_no_sample(finished, tmp_path):
    given = {"samples": finished / "md.xtc", "topology": finished / "topology.pdb"}
    with pytest.raises(PopulationError, match=r"lowered barriers.*--md"):
        populations(sequence="A", out=tmp_path, **given)
    # Made with the barriers of the force field, it is.
    for name in ("md.xtc", "topology.pdb"):
        shutil.copy(finished / name, tmp_path)
    write_json(tmp_path / "populations.json", read_json(finished / "populations.json") | {"bias": None})
    assert len(read_samples(tmp_path / "md.xtc", tmp_path / "topology.pdb").runs[0])


def test_samples_of_the_wrong_hand_alone_are_told(alanine, tmp_path):
    samples = read_samples(alanine / "samples.xtc", alanine / "topology.pdb")
    mirrored = PeptideFrames(samples.topology, [samples.runs[0] * [-1, 1, 1]], 1.0)
    folders = PopulationFolders(tmp_path, tmp_path / "work")
    with pytest.raises(PopulationError, match="none of 1 samples"):
        populations_to_files("A", alanine / "A.pdb", mirrored, SIMULATE, SETTINGS, folders, 1)


def test_the_figure_and_the_table_are_of_the_result(finished, tmp_path):
    from jamun import figures
    from jamun.cli.populations import populations_table
    from jamun.config.figures import FigureSettings
    from jamun.figures.populations import plot_populations

    result, maps = read_json(finished / "populations.json"), read_npz(finished / "populations.npz")
    figure = plot_populations(result, maps, FigureSettings())
    assert [axes.get_title() for axes in figure.axes[:4]] == [
        "samples",
        "samples, weighted",
        "short MD, lowered barriers",
        "short MD, weighted",
    ]
    table = populations_table(result)
    assert f"{100 * result['basins'][0]['population']:.1f} %" in table
    of_runs = np.array([own.sum() for own in np.split(read_npz(finished / "weights.npz")["weights"], 6)])
    assert result["effective_runs"] == pytest.approx(of_runs.sum() ** 2 / np.square(of_runs).sum())
    assert f"Without the bias {result['effective_runs']:.1f} of 6 runs weigh in effect" in table
    assert "Without the bias" not in populations_table(result | {"effective_runs": 8.5})
    files = {"result": finished / "populations.json", "arrays": finished / "populations.npz"}
    figures.to_files("populations", files, {"png": tmp_path / "a.png", "pdf": tmp_path / "a.pdf"}, FigureSettings())
    assert (tmp_path / "a.png").stat().st_size > 10_000
