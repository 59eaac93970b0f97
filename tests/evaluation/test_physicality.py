"""Physicality of samples: against MDTraj and SciPy, of ensembles with known faults, and through files."""

import json

import mdtraj
import numpy as np
import pytest
from pairs import built, of_trajectory
from scipy.stats import wasserstein_distance

from jamun.config.evaluation import EvaluationSettings
from jamun.evaluation.bootstrap import centred, ratio
from jamun.evaluation.ensembles import EvaluationError, read_flags
from jamun.evaluation.geometry import find_terms, measure
from jamun.evaluation.js import JS_MAX, w1_distance
from jamun.evaluation.measured import Bins, binned
from jamun.evaluation.pair import Files, Pair, read_pair
from jamun.evaluation.physicality import analyse
from jamun.evaluation.run import analyse_to_files
from jamun.io.atomic import read_npz, write_json

SETTINGS = EvaluationSettings()


def jittered(sequence="TW", frames=300, seed=0, width=0.002):
    """A built peptide's heavy atoms, every coordinate moved by its own normal deviate, nm."""
    structure = built(sequence)
    xyz = np.repeat(structure.xyz, frames, 0)
    xyz = xyz + np.random.default_rng(seed).normal(0, width, xyz.shape)
    return mdtraj.Trajectory(xyz.astype(np.float32), structure.topology, time=np.arange(frames))


@pytest.fixture(scope="module")
def md():
    return jittered()


def moved(trajectory, change):
    return mdtraj.Trajectory(change(trajectory.xyz.copy()), trajectory.topology, time=trajectory.time)


def terms_of(trajectory):
    return find_terms(trajectory.topology, trajectory.xyz)


def run(reference, samples, accepted=None, temperature=300.0, replicas=None):
    first = of_trajectory(reference, np.zeros(reference.n_frames, int) if replicas is None else replicas)
    return analyse(
        Pair(first, of_trajectory(samples, np.arange(samples.n_frames) % 20), accepted, temperature), SETTINGS
    )


def test_replicas_are_held_against_each_other(md):
    replicas = np.repeat([0, 1, 2], 100)
    moving = moved(md, lambda xyz: xyz * (1 + 0.02 * replicas[:, None, None]))  # every bond longer in each replica
    result, _ = run(moving, md, replicas=replicas)
    raw, terms = result["raw"], terms_of(moving)
    bonds = measure(moving.xyz, terms).bonds
    pairs = [
        np.mean([wasserstein_distance(bonds[replicas == a, k], bonds[replicas == b, k]) for k in range(bonds.shape[1])])
        for a, b in ((0, 1), (0, 2), (1, 2))
    ]
    assert raw["bonds"]["w1"]["md_replicas"] == pytest.approx(np.mean(pairs), abs=5e-4)  # nm, up to a bin
    assert raw["bonds"]["w1"]["md_replicas"] > raw["bonds"]["w1"]["md_halves"]
    broken = (np.abs(bonds - bonds.mean(0)) > SETTINGS.physicality.bond_tolerance).any(1)
    expected = [broken[replicas == replica].mean() for replica in range(3)]
    assert raw["shares"]["bond_outlier"]["md_replicas"] == pytest.approx(expected, abs=0.011)
    assert result["md_replicas"] == {"replicas": 3, "reason": None}
    alone, _ = run(md, md)
    assert alone["md_replicas"] == {"replicas": 0, "reason": "the MD has one replica"}
    assert alone["raw"]["bonds"]["w1"]["md_replicas"] is alone["raw"]["shares"]["clash"]["md_replicas"] is None


# What is measured


def test_terms_and_values_are_mdtrajs(md):
    terms = terms_of(md)
    measured = measure(md.xyz, terms)
    graph = {frozenset((a.index, b.index)) for a, b in md.topology.bonds}
    assert {frozenset(pair) for pair in terms.bonds.tolist()} == graph
    assert len(terms.bonds) == len(graph)
    np.testing.assert_allclose(
        measured.bonds, mdtraj.compute_distances(md, terms.bonds, periodic=False), rtol=0, atol=2e-6
    )
    # Every pair of neighbours of every atom, counted independently.
    degree = np.bincount(terms.bonds.ravel(), minlength=md.n_atoms)
    assert len(terms.angles) == (degree * (degree - 1) // 2).sum()
    np.testing.assert_allclose(
        measured.angles, mdtraj.compute_angles(md, terms.angles, periodic=False), rtol=0, atol=2e-4
    )
    omegas = mdtraj.compute_dihedrals(md, terms.omegas, periodic=False)
    np.testing.assert_allclose(np.cos(measured.omegas - omegas), 1, atol=1e-6)
    contacts = mdtraj.compute_distances(md, terms.contacts, periodic=False)
    np.testing.assert_allclose(measured.nearest, contacts.min(1), rtol=0, atol=2e-6)
    assert terms.omega_labels == ["Ace–Thr1", "Thr1–Trp2", "Trp2–Nme"]
    assert terms.centre_labels == ["Thr1 CA", "Thr1 CB", "Trp2 CA"]
    assert (measured.volumes > 0).all()
    assert "Thr1 C–Trp2 N" in terms.bond_labels


def test_contacts_are_more_than_three_bonds_apart(md):
    networkx = pytest.importorskip("networkx")
    terms = terms_of(md)
    graph = networkx.Graph([(a.index, b.index) for a, b in md.topology.bonds])
    lengths = dict(networkx.all_pairs_shortest_path_length(graph))
    expected = {(i, j) for i in range(md.n_atoms) for j in range(i + 1, md.n_atoms) if lengths[i][j] > 3}
    assert set(map(tuple, terms.contacts.tolist())) == expected


def test_a_bond_that_is_none_is_named_and_left_out(md):
    topology = md.topology.copy()
    atoms = list(topology.atoms)
    topology.add_bond(atoms[0], atoms[-1])
    wrong = mdtraj.Trajectory(md.xyz, topology)
    result, _ = run(wrong, wrong)
    assert "Not bonds" in result["notes"][0]
    assert len(result["raw"]["bonds"]["terms"]) == md.topology.n_bonds
    assert result["raw"]["shares"]["physical"]["value"] == 1


# Distances and intervals


def test_w1_is_scipys():
    rng = np.random.default_rng(1)
    first, second = rng.normal(0.15, 0.004, 5000), rng.normal(0.152, 0.006, 4000)
    bins = Bins(0.1, 0.2, 400, 1)
    counts = [binned(v[:, None], bins, np.zeros(len(v), int), 1)[0, 0] for v in (first, second)]
    width = 0.1 / 400
    assert w1_distance(*counts, width) == pytest.approx(wasserstein_distance(first, second), abs=width)


def test_intervals_cover_and_say_why_not():
    rng = np.random.default_rng(2)
    inside = 0
    for trial in range(200):
        flags = rng.random(2000) < 0.3
        sums = flags.reshape(20, 100).sum(1)
        share = ratio(sums, np.full(20, 100), trial)
        inside += share["low"] <= 0.3 <= share["high"]
    # 95 % of 200 trials, give or take three of its own standard errors, and a few percent for the 20 blocks.
    assert 0.87 < inside / 200 < 0.99
    few = ratio(np.array([1.0, 2.0]), np.array([4, 4]), 1)
    assert few["value"] == 0.375
    assert few["low"] is None
    assert "8 frames" in few["reason"]
    assert centred(0.1, np.full(200, 0.3), 5, 100)["low"] == pytest.approx(0.1)
    assert ratio(np.zeros(2), np.zeros(2), 1)["value"] is None


# Ensembles with known faults


def test_md_against_itself(md):
    result, arrays = run(md, md)
    raw = result["raw"]
    for kind in ("bonds", "angles"):
        assert raw[kind]["w1"]["value"] == raw[kind]["js"]["value"] == 0
        assert all(term["md"]["mean"]["value"] == term["samples"]["mean"]["value"] for term in raw[kind]["terms"])
    assert all(omega["js"]["value"] == 0 for omega in raw["omegas"])
    assert raw["basins"]["coverage"]["value"] == raw["basins"]["weighted_coverage"]["value"] == 1
    assert raw["basins"]["unseen"]["value"] == raw["basins"]["js"]["value"] == 0
    assert raw["shares"]["physical"]["value"] == raw["shares"]["physical"]["md"]["value"] == 1
    assert all(raw["shares"][name]["value"] == 0 for name in ("bond_outlier", "bent", "cis", "inverted", "clash"))
    assert result["accepted"] is None
    assert "not judged" in result["accepted_reason"]
    np.testing.assert_array_equal(arrays["bond_reference"], arrays["bond_samples"])
    assert (arrays["angle_samples"].sum(1) == 300).all()
    json.dumps(result, default=float)


def test_means_and_spreads_are_numpys(md):
    samples = jittered(seed=3, frames=200, width=0.005)
    raw = run(md, samples)[0]["raw"]
    lengths = mdtraj.compute_distances(samples, terms_of(md).bonds, periodic=False)
    for term, column in zip(raw["bonds"]["terms"], lengths.T, strict=True):
        assert term["samples"]["mean"]["value"] == pytest.approx(column.mean(), abs=1e-6)
        assert term["samples"]["sd"]["value"] == pytest.approx(column.std(), abs=1e-6)
        assert term["samples"]["mean"]["low"] < column.mean() < term["samples"]["mean"]["high"]
    assert raw["bonds"]["w1"]["value"] > 3 * raw["bonds"]["w1"]["md_halves"]


def test_a_mirror_image_is_inverted_everywhere(md):
    result, _ = run(md, moved(md, lambda xyz: xyz * [-1, 1, 1]))
    raw = result["raw"]
    assert raw["shares"]["inverted"]["value"] == 1
    assert all(centre["inverted"]["value"] == 1 for centre in raw["centres"])
    assert raw["shares"]["physical"]["value"] == 0
    # Lengths and angles are those of the molecule; where it is in phi and psi is not.
    assert raw["bonds"]["w1"]["value"] == pytest.approx(0, abs=1e-5)
    assert raw["basins"]["js"]["value"] > 0.9 * JS_MAX
    assert raw["basins"]["coverage"]["value"] == 0
    assert raw["basins"]["unseen"]["value"] == 1


def test_each_fault_is_found_in_its_frames(md):
    terms = terms_of(md)
    names = [f"{atom.residue.name} {atom.name}" for atom in md.topology.atoms]

    def change(xyz):
        atom = names.index("NME C")
        first = names.index("NME N")
        direction = xyz[:30, atom] - xyz[:30, first]
        xyz[:30, atom] += 0.05 * direction / np.linalg.norm(direction, axis=-1, keepdims=True)
        xyz[30:90, names.index("THR OG1")], xyz[30:90, names.index("THR CG2")] = (
            xyz[30:90, names.index("THR CG2")].copy(),
            xyz[30:90, names.index("THR OG1")].copy(),
        )
        one, two = terms.contacts[-1]
        xyz[90:120, one] = xyz[90:120, two] + [0.1, 0, 0]
        return xyz

    raw = run(md, moved(md, change))[0]["raw"]
    # Swapped OG1 and CG2 invert CB; at 10 pm difference in length that breaks no bond.
    centres = {centre["label"]: centre["inverted"]["value"] for centre in raw["centres"]}
    assert centres["Thr1 CB"] == 0.2
    assert centres["Trp2 CA"] == 0
    assert raw["shares"]["clash"]["value"] == pytest.approx(0.1)
    assert raw["shares"]["bond_outlier"]["value"] >= 0.1
    assert raw["shares"]["physical"]["value"] == pytest.approx(0.6, abs=0.01)
    assert raw["contacts"]["minimum"]["samples"] == pytest.approx(0.1, abs=1e-6)


def test_a_turned_peptide_bond_is_cis(md):
    quartet = terms_of(md).omegas[1]
    topology, xyz = md.topology, md.xyz.copy()
    graph = topology.to_bondgraph()
    graph.remove_edge(topology.atom(quartet[1]), topology.atom(quartet[2]))
    networkx = pytest.importorskip("networkx")
    side = [atom.index for atom in networkx.node_connected_component(graph, topology.atom(quartet[2]))]
    axis = xyz[:, quartet[2]] - xyz[:, quartet[1]]
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    relative = xyz[:, side] - xyz[:, quartet[1]][:, None]
    along = np.einsum("fai,fi->fa", relative, axis)[..., None] * axis[:, None]
    xyz[:150, side] = (xyz[:, quartet[1]][:, None] + 2 * along - relative)[:150]  # by pi
    omegas = run(md, mdtraj.Trajectory(xyz, topology))[0]["raw"]["omegas"]
    assert [omega["cis"]["value"] for omega in omegas] == [0, 0.5, 0]
    assert omegas[1]["deviation"]["value"] == pytest.approx(np.pi / 2, abs=0.05)
    assert omegas[1]["deviation"]["md"]["value"] < 0.1


# Verdicts of the sampler


def test_accepted_samples_are_reported_beside_raw_ones(md):
    samples = moved(md, lambda xyz: np.where(np.arange(len(xyz))[:, None, None] < 60, xyz * [-1, 1, 1], xyz))
    accepted = np.arange(300) >= 60
    result, arrays = run(md, samples, accepted)
    assert result["raw"]["shares"]["inverted"]["value"] == pytest.approx(0.2)
    assert result["accepted"]["shares"]["inverted"]["value"] == 0
    assert result["accepted"]["frames"] == 240
    assert result["accepted_reason"] is None
    assert arrays["bond_accepted"].sum(1).tolist() == [240] * len(result["raw"]["bonds"]["terms"])
    for flags, words in ((np.ones(300, bool), "every"), (np.zeros(300, bool), "fewer than two")):
        assert words in run(md, samples, flags)[0]["accepted_reason"]


def test_flags_of_other_frames_are_refused(tmp_path):
    samples = tmp_path / "samples.xtc"
    assert read_flags(samples, 3) is None
    np.savez(tmp_path / "flags.npz", accepted=np.ones(3, bool), broken=np.zeros(3, bool))
    assert set(read_flags(samples, 3)) == {"accepted", "broken"}
    with pytest.raises(EvaluationError, match="each of the 4 samples"):
        read_flags(samples, 4)
    np.savez(tmp_path / "flags.npz", broken=np.zeros(3, bool))
    with pytest.raises(EvaluationError, match="no array accepted"):
        read_flags(samples, 3)
    (tmp_path / "flags.npz").write_text("nothing\n")
    with pytest.raises(EvaluationError, match="cannot be read"):
        read_flags(samples, 3)


# Little data, little molecules, files


def test_few_frames_give_reasons(md):
    raw = run(md, md[:5])[0]["raw"]
    assert raw["bonds"]["w1"]["value"] is None
    assert "only 5 frames" in raw["bonds"]["w1"]["reason"]
    assert raw["shares"]["bond_outlier"]["value"] == 0
    assert raw["shares"]["bond_outlier"]["low"] is None
    assert raw["basins"]["coverage"]["value"] == 1
    assert raw["basins"]["unseen"]["value"] == 0
    for name in ("coverage", "unseen"):
        assert raw["basins"][name]["low"] is None
        assert "5 frames" in raw["basins"][name]["reason"]
    assert raw["basins"]["js"]["value"] is None
    assert "only 5 frames" in raw["basins"]["js"]["reason"]


def test_a_small_molecule_without_centres_and_pairs():
    small = jittered("G", frames=40)
    two = terms_of(small)
    assert two.centre_labels == []
    raw = run(small, jittered("G", frames=40, seed=1))[0]["raw"]
    assert raw["shares"]["inverted"]["value"] == 0
    assert raw["centres"] == []
    uncapped = small.atom_slice(small.topology.select("resname GLY"))
    result, arrays = run(uncapped, uncapped, temperature=None)
    assert "300 K" in result["notes"][0]
    raw = result["raw"]
    assert raw["contacts"]["pairs"] == 0
    assert raw["contacts"]["w1"]["value"] is None
    assert raw["basins"]["residues"] == []
    assert "phi and psi" in raw["basins"]["coverage"]["reason"]
    assert arrays["basin_labels"].shape == (0, 50, 50)


def test_files(md, tmp_path):
    samples = jittered(seed=5)
    md.save_xtc(tmp_path / "md.xtc")
    md[0].save_pdb(tmp_path / "md.pdb")
    samples.save_xtc(tmp_path / "samples.xtc")
    np.savez(tmp_path / "flags.npz", accepted=np.arange(300) > 9, broken=np.arange(300) <= 9)
    production = {"seconds": 1.0, "seconds_per_frame": 1 / 300, "frame_interval_ps": 1.0}
    record = {"boundaries": [0, 100, 300], "platform": None, "production": production}
    write_json(tmp_path / "md.json", record | {"settings": {"temperature": 310.0}})
    write_json(tmp_path / "sampling.json", {"chains": 20, "device": None})
    files = [
        Files(*(tmp_path / name for name in names))
        for names in (("md.xtc", "md.pdb", "md.json"), ("samples.xtc", "md.pdb", "sampling.json"))
    ]
    pair = read_pair(*files, "set", "model", "TW")
    analyse_to_files("physicality", pair, SETTINGS, tmp_path / "TW.json", tmp_path / "TW.npz")
    result = json.loads((tmp_path / "TW.json").read_text())
    assert result["temperature_k"] == 310
    assert result["reference"]["replicas"] == 2
    assert result["samples"]["flags"] == {"accepted": 290, "broken": 10}
    assert result["accepted"]["frames"] == 290
    arrays = read_npz(tmp_path / "TW.npz")
    assert arrays["ramachandran_accepted"].sum((1, 2)).tolist() == [290, 290]
    assert len(arrays["bond_edges"]) == arrays["bond_samples"].shape[1] + 1
