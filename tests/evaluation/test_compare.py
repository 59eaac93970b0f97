"""Comparison of two ensembles of a real peptide: identities, mirror images, baselines, refusals."""

import json
from itertools import combinations

import mdtraj
import numpy as np
import pytest
from pairs import files_in, of_angles, of_trajectory, paired
from scipy.spatial.distance import jensenshannon

from jamun.config.evaluation import EvaluationSettings
from jamun.evaluation.comparison import analyse
from jamun.evaluation.ensembles import EvaluationError
from jamun.evaluation.js import JS_MAX
from jamun.evaluation.msm.inputs import MSMInput
from jamun.evaluation.pair import Files, read_pair
from jamun.evaluation.run import analyse_to_files
from jamun.evaluation.runs import replica_of_frames, replica_pairs
from jamun.evaluation.summary import summarize
from jamun.io.atomic import read_npz, write_json, write_npz
from jamun.peptides.build import build_peptide
from jamun.peptides.sequences import parse_sequence
from jamun.peptides.torsions import compute_torsions, phi_psi_pairs

SETTINGS = EvaluationSettings()
PAIRS = ((0, 1), (0, 2), (1, 2))


def shaken(form="capped", sequence="AR", frames=400, seed=0):
    """An ensemble with known rotations: each frame turns the side of every rotatable bond by its own angle."""
    topology, positions, _ = build_peptide(parse_sequence(sequence), form, 7.0)
    topology = mdtraj.Topology.from_openmm(topology)
    generator = np.random.default_rng(seed)
    xyz = np.repeat(positions[None], frames, 0)
    graph = topology.to_bondgraph()
    trajectory = mdtraj.Trajectory(xyz, topology)
    for compute in (mdtraj.compute_phi, mdtraj.compute_psi, mdtraj.compute_chi1):
        for _, b, c, _ in compute(trajectory)[0]:
            beyond = graph.copy()
            beyond.remove_edge(topology.atom(b), topology.atom(c))
            side = {topology.atom(c)}
            queue = [topology.atom(c)]
            while queue:
                for neighbour in beyond[queue.pop()]:
                    if neighbour not in side:
                        side.add(neighbour)
                        queue.append(neighbour)
            if topology.atom(b) in side:  # in a ring
                continue
            moved = [atom.index for atom in side]
            angles = generator.normal(0, 0.4, frames)
            axis = xyz[:, c] - xyz[:, b]
            axis /= np.linalg.norm(axis, axis=1, keepdims=True)
            relative = xyz[:, moved] - xyz[:, c][:, None]
            along = np.einsum("fai,fi->fa", relative, axis)[..., None] * axis[:, None]
            cross = np.cross(axis[:, None], relative)
            cosine, sine = np.cos(angles)[:, None, None], np.sin(angles)[:, None, None]
            xyz[:, moved] = xyz[:, c][:, None] + relative * cosine + cross * sine + along * (1 - cosine)
    return mdtraj.Trajectory(xyz.astype(np.float32), topology, time=np.arange(frames, dtype=np.float32))


@pytest.fixture(scope="module")
def ensemble():
    return shaken()


def load_pair(md, md_topology, boundaries, samples, samples_topology):
    """A pair of files, of which the MD has replicas with these offsets."""
    record = {"seconds": None, "seconds_per_frame": None, "frame_interval_ps": 2.0}
    path = samples_topology.parent / "load_pair.json"
    write_json(path, {"boundaries": boundaries, "platform": None, "production": record})
    return read_pair(Files(md, md_topology, path), Files(samples, samples_topology), "set", "model", "AR")


def run(reference, samples, **timing):
    first = of_trajectory(reference, np.zeros(reference.n_frames, dtype=int))
    second = of_trajectory(samples, np.arange(samples.n_frames) % 20)
    return analyse(paired(first, second, **timing), SETTINGS)


def test_torsions_of_capped_and_uncapped(ensemble):
    torsions, angles = compute_torsions(ensemble)
    found = [(torsion.kind, torsion.residue, torsion.residue_name) for torsion in torsions]
    assert found[:5] == [
        ("phi", 1, "ALA"),
        ("phi", 2, "ARG"),
        ("psi", 1, "ALA"),
        ("psi", 2, "ARG"),
        ("omega", 1, "ALA"),
    ]
    assert [kind for kind, place, _ in found[5:]] == ["chi1", "chi2", "chi3", "chi4", "chi5"]
    assert angles.shape == (400, 10)
    assert phi_psi_pairs(torsions) == [(0, 2), (1, 3)]
    uncapped, _ = compute_torsions(shaken("uncapped", "AR", frames=2))
    assert [(t.kind, t.residue) for t in uncapped][:3] == [("phi", 2), ("psi", 1), ("omega", 1)]
    assert phi_psi_pairs(uncapped) == []


def test_hydrogens_do_not_matter(ensemble):
    heavy = ensemble.atom_slice(ensemble.topology.select("element != H"))
    np.testing.assert_allclose(compute_torsions(ensemble)[1], compute_torsions(heavy)[1], atol=1e-5)


def test_an_ensemble_with_itself_is_zero(ensemble):
    result, arrays = run(ensemble, ensemble)
    assert all(result["js"][group]["value"] == 0 for group in ("backbone", "side_chain", "all", "ramachandran"))
    assert result["js"]["backbone"]["count"] == 4
    assert result["js"]["all"]["count"] == 9
    assert arrays["ramachandran_reference"].shape == (2, 50, 50)
    assert arrays["torsion_reference"].sum(1).tolist() == [400] * 10


def test_means_are_means_of_what_is_reported(ensemble):
    result, _ = run(ensemble, shaken(seed=5))
    backbone = [t["js"]["value"] for t in result["torsions"] if t["group"] == "backbone"]
    side_chain = [t["js"]["value"] for t in result["torsions"] if t["group"] == "side_chain"]
    assert result["js"]["backbone"]["value"] == pytest.approx(np.mean(backbone))
    assert result["js"]["all"]["value"] == pytest.approx(np.mean(backbone + side_chain))
    assert result["js"]["backbone"]["low"] < result["js"]["backbone"]["value"] < result["js"]["backbone"]["high"]
    halves = result["baselines"]["md_halves"]["backbone"]["value"]
    assert 0 < halves < 0.45  # 200 frames in 100 bins
    for baseline in ("md_halves", "md_tenth"):
        point = result["baselines"][baseline]["backbone"]
        assert point["low"] < point["value"] < point["high"]
        assert point["count"] == 4


def test_accepted_samples_are_compared_beside_all(ensemble):
    """Rejecting a bad half of the samples must not hide what all of them are like."""
    torsions, angles = compute_torsions(ensemble)
    chains = np.repeat(np.arange(10), 40)
    bad = np.arange(len(angles)) % 2 == 1
    mixed = np.where(bad[:, None], np.random.default_rng(0).uniform(-np.pi, np.pi, angles.shape), angles)
    md, samples = of_angles(torsions, angles, chains), of_angles(torsions, mixed, chains)
    result, _ = analyse(paired(md, samples, accepted=~bad), SETTINGS)
    everything, _ = analyse(paired(md, samples), SETTINGS)
    assert result["js"] == everything["js"]
    assert result["accepted"]["frames"] == 200
    assert result["accepted"]["js"]["backbone"]["value"] < 0.6 * everything["js"]["backbone"]["value"]
    alone, _ = analyse(paired(md, of_angles(torsions, angles[~bad], chains[~bad])), SETTINGS)
    assert result["accepted"]["torsions"] == alone["torsions"]
    for accepted, reason in ((None, "not judged"), (np.ones(400, bool), "every frame"), (bad & False, "fewer than")):
        nothing, _ = analyse(paired(md, samples, accepted=accepted), SETTINGS)
        assert nothing["accepted"] is None
        assert reason in nothing["accepted_reason"]


def test_replicas_are_held_against_each_other(ensemble):
    torsions, angles = compute_torsions(ensemble)
    samples = of_angles(torsions, angles[:50])

    def baselines_of(replicas):
        return analyse(paired(of_angles(torsions, angles, replicas), samples), SETTINGS)[0]["baselines"]

    replicas = np.repeat([0, 1, 2, 3], [120, 150, 120, 10])  # the last too short to count
    baselines = baselines_of(replicas)
    edges = np.linspace(-np.pi, np.pi, SETTINGS.torsion_bins + 1)
    columns = [k for k, torsion in enumerate(torsions) if torsion.group == "backbone"]
    counts = [[np.histogram(angles[replicas == r][:, k], edges)[0] for k in columns] for r in range(3)]
    pairs = [np.mean([jensenshannon(*two) for two in zip(counts[a], counts[b], strict=True)]) for a, b in PAIRS]
    found = baselines["md_replicas"]
    assert (found["frames"], found["pairs"]) == (120, 3)
    # A frame of float32 can lie in a neighbouring bin.
    assert found["backbone"]["value"] == pytest.approx(np.mean(pairs), abs=0.005)
    assert found["backbone"]["low"] < found["backbone"]["value"] < found["backbone"]["high"]
    two = baselines_of(np.repeat([0, 1], 200))
    assert two["md_replicas"]["all"] == two["md_halves"]["all"]
    for labels, reason in ((np.zeros(400, int), "one replica"), (np.repeat([0, 1], [390, 10]), "no two replicas")):
        nothing = baselines_of(labels)["md_replicas"]
        assert nothing["backbone"] is None
        assert reason in nothing["reason"]


def test_pairs_of_many_replicas_are_spread_evenly():
    replicas = list(range(10))
    assert replica_pairs(replicas, 45) == list(combinations(replicas, 2))
    few = replica_pairs(replicas, 3)
    assert few[0] == (0, 1)
    assert few[-1] == (8, 9)
    assert len(set(few)) == 3


def test_a_mirror_image_is_far(ensemble):
    # A mirror image has every torsion with its sign turned, so its distance follows from the one histogram alone.
    mirrored = mdtraj.Trajectory(ensemble.xyz * [-1, 1, 1], ensemble.topology)
    result, _ = run(ensemble, mirrored)
    _, angles = compute_torsions(ensemble)
    edges = np.linspace(-np.pi, np.pi, SETTINGS.torsion_bins + 1)
    for torsion, column in zip(result["torsions"], angles.T, strict=True):
        if torsion["group"] == "backbone":
            turned = [np.histogram(sign * column, edges)[0] for sign in (1, -1)]
            # One frame of 400 can lie in another bin after the rounding of float32.
            assert torsion["js"]["value"] == pytest.approx(jensenshannon(*turned), abs=0.02)
    # Another draw of the same ensemble is the floor.
    floor, _ = run(ensemble, shaken(seed=5))
    assert result["js"]["backbone"]["value"] > 2 * floor["js"]["backbone"]["value"]
    assert result["js"]["ramachandran"]["value"] > 0.9 * JS_MAX


def test_convergence_ends_at_the_whole(ensemble):
    result, _ = run(ensemble, shaken(seed=5), md_seconds_per_frame=0.5, sampling_seconds=20.0)
    samples, md = result["convergence"]["samples"], result["convergence"]["md"]
    assert samples["frames"][-1] == md["frames"][-1] == 400
    assert samples["seconds"][-1] == pytest.approx(20.0)
    assert samples["backbone"][-1] == pytest.approx(result["js"]["backbone"]["value"])
    assert md["backbone"][-1] == 0
    assert md["backbone"][0] > md["backbone"][-2] > 0
    equal = result["baselines"]["md_equal_wall_clock"]
    assert equal["frames"] == 40
    assert equal["backbone"] == result["baselines"]["md_tenth"]["backbone"]


def test_equal_wall_clock_says_why_not():
    def frames(each, seconds):
        none = of_angles([], np.zeros((1000, 0)))
        return paired(none, none, each, seconds).frames_at_equal_wall_clock()

    assert frames(0.5, 100.0) == (200, None)
    assert "less wall clock" in frames(0.5, 0.1)[1]
    assert "more than the 1,000" in frames(0.5, 1e4)[1]
    assert "not recorded" in frames(None, 1.0)[1]


def test_a_peptide_without_side_chain_torsions():
    result, _ = run(shaken(sequence="AG", frames=50), shaken(sequence="AG", frames=50, seed=1))
    nothing = result["js"]["side_chain"]
    assert (nothing["value"], nothing["count"]) == (None, 0)
    assert nothing["reason"] == "the molecule has none of these"
    assert result["js"]["all"]["value"] == pytest.approx(result["js"]["backbone"]["value"])


def test_an_uncapped_dipeptide_has_no_pairs_but_all_else():
    result, arrays = run(shaken("uncapped", frames=50), shaken("uncapped", frames=50, seed=1))
    assert result["ramachandran"] == []
    assert result["js"]["ramachandran"]["value"] is None
    assert result["js"]["backbone"]["count"] == 2
    assert result["js"]["backbone"]["value"] > 0
    assert arrays["ramachandran_samples"].shape == (0, 50, 50)


@pytest.fixture
def files(ensemble, tmp_path):
    heavy = ensemble.topology.select("element != H")
    samples = shaken(seed=5).atom_slice(heavy)
    paths = {name: tmp_path / name for name in ("md.xtc", "md.pdb", "s.xtc", "s.pdb", "md.json", "sampling.json")}
    ensemble.save_xtc(paths["md.xtc"])
    ensemble[0].save_pdb(paths["md.pdb"])
    samples.save_xtc(paths["s.xtc"])
    samples[0].save_pdb(paths["s.pdb"])
    provenance = {"processor": "one"}
    write_json(
        paths["md.json"],
        {
            "boundaries": [0, 200, 400],
            "platform": "CPU",
            "threads": 1,
            "production": {"seconds": 200.0, "seconds_per_frame": 0.5, "frame_interval_ps": 2.0},
            "provenance": provenance,
        },
    )
    write_json(
        paths["sampling.json"],
        {
            "seconds": 20.0,
            "device": "cpu",
            "threads": 2,
            "chains": 20,
            "chains_stopped": {"count": 1},
            "provenance": {"processor": "another"},
        },
    )
    return paths


def test_files_and_summary(files, tmp_path):
    pair = read_pair(*files_in(files), "set", "model", "AR")
    analyse_to_files("compare", pair, SETTINGS, tmp_path / "AR.json", tmp_path / "AR.npz")
    result = json.loads((tmp_path / "AR.json").read_text())
    assert result["reference"]["replicas"] == 2
    assert len(result["notes"]) == 3  # machines, threads, a stopped chain
    msm = {"js": {"value": None}, "reason": "too few frames"}
    dynamics = {"ess": {"speed_up": {"value": 8.0, "low": 6.0, "high": 9.0}}, "distances": {}}
    more = {"ess": {"speed_up": {"value": 4.0, "low": 3.0, "high": 5.0}}, "distances": {}}
    other = {**result, "peptide": "RA"}
    table = summarize([(result, {"msm": msm, "dynamics": dynamics}), (other, {"dynamics": more})])
    assert table["speed_up"].tolist() == [8.0, 4.0, 6.0]
    assert table["speed_up_low"].tolist() == pytest.approx([6.0, 3.0, 6.0 - 1.96 * 2.0])
    assert table["basin_coverage"].isna().all()
    floor = result["baselines"]["md_replicas"]["all"]
    assert table["js_all_md_replicas"].tolist() == pytest.approx([floor["value"]] * 3)
    assert table["js_all_md_replicas_high"].tolist() == pytest.approx([floor["high"]] * 2 + [floor["value"]])
    assert table["js_all_accepted"].isna().all()
    assert table["peptide"].tolist() == ["AR", "RA", "mean"]
    assert table["js_backbone"][2] == pytest.approx(result["js"]["backbone"]["value"])
    assert table["ms_per_sample"][0] == pytest.approx(50.0)
    assert "No MSM: too few frames." in table["notes"][0]


def test_msm_features(files, tmp_path):
    MSMInput.of(read_pair(*files_in(files), "set", "model", "AR")).save(tmp_path / "f.npz")
    data = read_npz(tmp_path / "f.npz")
    assert data["reference_torsions"].shape == data["samples_torsions"].shape == (400, 9)
    assert data["residue_labels"].tolist() == ["Ala1", "Arg2"]
    assert data["reference_boundaries"].tolist() == [0, 200, 400]
    assert data["samples_accepted"].shape == data["reference_weights"].shape == (0,)
    assert str(data["accepted_reason"]) == "the sampler has not judged its frames"
    write_npz(tmp_path / "flags.npz", {"accepted": np.arange(400) % 4 > 0})
    data = MSMInput.of(read_pair(*files_in(files), "set", "model", "AR"))
    assert data.samples_accepted.sum() == 300
    assert data.accepted_reason == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t[:1], "at least two"),
        (lambda t: mdtraj.Trajectory(t.xyz * 10, t.topology), "angstroms"),
        (
            lambda t: mdtraj.Trajectory(np.where(np.arange(400)[:, None, None] == 7, np.nan, t.xyz), t.topology),
            "finite",
        ),
        (lambda t: t.atom_slice(np.arange(t.n_atoms - 1)), "another molecule"),
    ],
    ids=["one frame", "angstroms", "nan", "an atom missing"],
)
def test_bad_samples_are_refused(files, ensemble, change, words, tmp_path):
    bad = change(shaken(seed=5).atom_slice(ensemble.topology.select("element != H")))
    bad.save_netcdf(tmp_path / "bad.nc") if words == "finite" else bad.save_xtc(tmp_path / "bad.xtc")
    bad[0].save_pdb(tmp_path / "bad.pdb", force_overwrite=True)
    path = tmp_path / ("bad.nc" if words == "finite" else "bad.xtc")
    with pytest.raises(EvaluationError, match=words):
        load_pair(files["md.xtc"], files["md.pdb"], [0, 400], path, tmp_path / "bad.pdb")


def test_other_files_are_refused(files, tmp_path):
    (tmp_path / "text.xtc").write_text("no trajectory\n")
    with pytest.raises(EvaluationError, match=r"text\.xtc: cannot be read"):
        load_pair(files["md.xtc"], files["md.pdb"], [0, 400], tmp_path / "text.xtc", files["s.pdb"])
    # More atoms than the topology has: without a check, the first of them would pass for its atoms.
    with pytest.raises(EvaluationError, match=r"md\.xtc: cannot be read with .*s\.pdb"):
        load_pair(files["s.xtc"], files["s.pdb"], [0, 400], files["md.xtc"], files["s.pdb"])
    (tmp_path / "text.pdb").write_text("no structure\n")
    with pytest.raises(EvaluationError, match=r"cannot be read with .*text\.pdb"):
        load_pair(files["md.xtc"], files["md.pdb"], [0, 400], files["s.xtc"], tmp_path / "text.pdb")
    with pytest.raises(EvaluationError, match="tells of 300"):
        load_pair(files["md.xtc"], files["md.pdb"], [0, 300], files["s.xtc"], files["s.pdb"])
    other = shaken(sequence="RA", frames=3)
    other.save_xtc(tmp_path / "ra.xtc")
    other[0].save_pdb(tmp_path / "ra.pdb")
    with pytest.raises(EvaluationError, match="another molecule"):
        load_pair(files["md.xtc"], files["md.pdb"], [0, 400], tmp_path / "ra.xtc", tmp_path / "ra.pdb")


def test_reordered_atoms_are_told_by_their_names(files, tmp_path):
    samples = mdtraj.load(files["s.xtc"], top=files["s.pdb"])
    order = [atom.index for atom in samples.topology.atoms]
    first, second = (samples.topology.select(f"resid 2 and name {name}")[0] for name in ("CB", "CG"))
    order[first], order[second] = order[second], order[first]
    table, _ = samples.topology.to_dataframe()
    topology = mdtraj.Topology.from_dataframe(table.iloc[order].reset_index(drop=True))
    moved = mdtraj.Trajectory(samples.xyz[:, order], topology)
    moved.save_xtc(tmp_path / "moved.xtc")
    moved[0].save_pdb(tmp_path / "moved.pdb")
    pair = load_pair(files["md.xtc"], files["md.pdb"], [0, 400], tmp_path / "moved.xtc", tmp_path / "moved.pdb")
    np.testing.assert_array_equal(pair.samples.positions, samples.xyz)


def test_replicas():
    assert replica_of_frames([0, 2, 5]).tolist() == [0, 0, 1, 1, 1]
