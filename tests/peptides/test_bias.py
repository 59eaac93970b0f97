"""The bias that MD was made with: where it is read, where it may not be, and what it weighs."""

import json

import mdtraj
import numpy as np
import pytest

from jamun.config.features import FeatureSettings
from jamun.config.frame_weights import FrameWeightSettings
from jamun.data.featurize import LARGEST_WEIGHT, featurize_to_file
from jamun.data.store import FeatureError, FeatureFile
from jamun.peptides.bias import Bias, BiasError, local_energies, read_bias, require_plain
from jamun.peptides.build import build_to_files
from jamun.peptides.sequences import parse_sequence
from jamun.peptides.torsions import compute_torsions
from jamun.populations.frames import weigh_training_to_files


def told(*residues):
    """A bias of 2 kT cos(psi) for these residues, (place, name)."""
    return [
        {"kind": "psi", "residue": place, "residue_name": name, "cosines": [2.0, 0.0], "sines": [0.0, 0.5]}
        for place, name in residues
    ]


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    """Frames of GAAG whose torsions are turned by large noise; heavy atoms."""
    pdb = tmp_path_factory.mktemp("bias") / "GAAG.pdb"
    build_to_files(parse_sequence("GAAG"), "capped", 7.0, pdb, pdb.with_suffix(".json"))
    built = mdtraj.load(str(pdb))
    built = built.atom_slice(built.topology.select("element != H"))
    noise = np.random.default_rng(0).normal(scale=0.08, size=(60, built.n_atoms, 3))
    return mdtraj.Trajectory((built.xyz + noise).astype(np.float32), built.topology)


def test_a_residue_has_the_energy_of_its_own_torsions_and_its_neighbours(frames):
    bias = Bias.of_told(told((1, "GLY"), (3, "ALA"), (4, "GLY")))
    torsions, angles = compute_torsions(frames)
    psi = {one.residue: angles[:, column] for column, one in enumerate(torsions) if one.kind == "psi"}
    own = {place: 2.0 * np.cos(psi[place]) + 0.5 * np.sin(2 * psi[place]) for place in (1, 3, 4)}
    nothing = np.zeros(len(angles))
    near = [own[1], own[1], own[1] + own[3], own[3] + own[4], own[3] + own[4], own[4] + nothing]
    np.testing.assert_allclose(local_energies(bias, frames), np.array(near).T, atol=1e-5)
    np.testing.assert_allclose(bias.energy(torsions, angles), own[1] + own[3] + own[4], atol=1e-5)


def simulated(folder, frames, bias):
    """Files of MD with this bias, as the import leaves them."""
    frames.save_xtc(str(folder / "trajectory.xtc"))
    frames[0].save_pdb(str(folder / "topology.pdb"))
    record = {"boundaries": [0, 30, 60], "production": {"frame_interval_ps": 0.2}, "bias": bias}
    (folder / "md.json").write_text(json.dumps(record))
    return folder / "trajectory.xtc", folder / "topology.pdb", folder / "md.json"


def test_features_hold_what_each_atom_weighs(tmp_path, frames):
    bias = told((1, "GLY"), (3, "ALA"))
    files = simulated(tmp_path, frames, bias)
    featurize_to_file(*files, FeatureSettings(discard=4, stride=2), "GAAG", tmp_path / "GAAG.h5")
    file = FeatureFile(tmp_path / "GAAG.h5")
    kept = np.r_[4:30:2, 34:60:2]
    written = mdtraj.load(str(files[0]), top=frames.topology)[kept]
    expected = np.exp(local_energies(Bias.of_told(bias), written))
    expected /= expected.mean(0)
    assert expected.max() < LARGEST_WEIGHT
    residues = [atom.residue.index for atom in frames.topology.atoms]
    some = np.array([7, 0, 7, 20])
    assert file.weighted
    np.testing.assert_allclose(file.read_weights(some), expected[some][:, residues], rtol=1e-4)
    np.testing.assert_allclose(file.read(some), written.xyz[some], atol=1e-6)

    featurize_to_file(*simulated(tmp_path, frames, None), FeatureSettings(), "GAAG", tmp_path / "plain.h5")
    plain = FeatureFile(tmp_path / "plain.h5")
    assert not plain.weighted
    assert (plain.read_weights(some) == np.ones((4, frames.n_atoms))).all()


def test_no_frame_counts_for_many(tmp_path, frames):
    bias = [one | {"cosines": [12.0, 0.0]} for one in told((2, "ALA"))]
    featurize_to_file(*simulated(tmp_path, frames, bias), FeatureSettings(), "GAAG", tmp_path / "GAAG.h5")
    weights = FeatureFile(tmp_path / "GAAG.h5").read_weights(np.arange(60))
    assert weights.max() <= LARGEST_WEIGHT * (1 + 1e-6)
    assert weights.mean(0) == pytest.approx(1.0, rel=1e-5)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{}", "no bias can be read"),
        ("not json", "no bias can be read"),
        (json.dumps({"bias": [{"kind": "psi", "residue": 1, "residue_name": "GLY"}]}), "no bias can be read"),
        (json.dumps({"bias": told((1, "ALA"))}), "psi of ALA1, which the peptide lacks"),
        (json.dumps({"bias": told((5, "GLY"))}), "psi of GLY5, which the peptide lacks"),
    ],
)
def test_a_file_without_a_bias_of_the_peptide_is_refused(tmp_path, frames, text, words):
    (tmp_path / "bias.json").write_text(text)
    with pytest.raises(BiasError, match=words) as caught:
        read_bias(tmp_path / "bias.json", frames.topology)
    assert str(tmp_path / "bias.json") in str(caught.value)


def test_it_comes_back_as_it_was_told(tmp_path, frames):
    bias = Bias.of_told(told((1, "GLY"), (2, "ALA")))
    (tmp_path / "bias.json").write_text(json.dumps({"bias": told((1, "GLY"), (2, "ALA"))}))
    again = Bias.of_told(read_bias(tmp_path / "bias.json", frames.topology))
    assert again.torsions == bias.torsions
    np.testing.assert_array_equal(again.coefficients, bias.coefficients)


def test_md_with_a_bias_is_compared_with_nothing_and_weighed_once(tmp_path, frames):
    files = simulated(tmp_path, frames, told((1, "GLY")))
    require_plain({"bias": None}, files[0])
    require_plain({}, files[0])
    with pytest.raises(BiasError, match=r"trajectory\.xtc: this MD was made with a bias"):
        require_plain(json.loads(files[2].read_text()), files[0])
    featurize_to_file(*files, FeatureSettings(), "GAAG", tmp_path / "GAAG.h5")
    out = [tmp_path / name for name in ("weights.npz", "pool.npz", "weights.json")]
    with pytest.raises(FeatureError, match="leave out frame_weights"):
        weigh_training_to_files([tmp_path / "GAAG.h5"], FrameWeightSettings(), *out)
