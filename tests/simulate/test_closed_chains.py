"""A disulphide and a ring from building through MD, features and samples to the evaluation."""

import mdtraj
import numpy as np
import pytest
import torch

from jamun.commands.evaluate import load_inputs
from jamun.config.evaluation import EvaluationSettings
from jamun.config.features import FeatureSettings
from jamun.config.network import NetworkSettings
from jamun.config.sampling import SamplingSettings
from jamun.config.simulate import SimulateSettings
from jamun.config.training import TrainingSettings
from jamun.data.featurize import featurize_to_file
from jamun.data.store import FeatureFile
from jamun.evaluation import comparison, physicality
from jamun.io.atomic import read_json
from jamun.io.files import MdFiles
from jamun.model.checkpoint import save_denoiser
from jamun.model.denoiser import Denoiser
from jamun.model.score import NetworkScore
from jamun.peptides.build import build_to_files
from jamun.peptides.sequences import parse_sequence
from jamun.sampling.run import SamplingFiles, sample_to_files
from jamun.simulate.batched import simulate_batched_to_files
from jamun.simulate.run import Peptide, simulate_to_files
from jamun.simulate.system import SimulationError, make_member

NAMES = ("CAAC-SS1-4", "cyclo-GGGGG")
IMPLICIT = {
    "solvent": "implicit",
    "timestep": "2 fs",
    "equilibration": [],
    "ensemble": "NVT",
    "production": "1 ps",
    "frame_interval": "0.1 ps",
    "platform": "Reference",
}
TOLD = {"lengths": [4, 5], "residues": ["ALA", "CYS", "GLY"], "forms": ["capped"], "hands": ["L"], "solvent": None}


@pytest.fixture(scope="module")
def pdbs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("peptides")
    for name in NAMES:
        build_to_files(parse_sequence(name), "capped", 7.0, folder / f"{name}.pdb", folder / f"{name}.json")
    return {name: folder / f"{name}.pdb" for name in NAMES}


@pytest.mark.parametrize(
    ("name", "closure", "bond", "beyond", "angles"),
    [
        (
            "CAAC-SS1-4",
            ("SG", "SG"),
            "Cys1 SG–Cys4 SG",
            "disulphides (not in training)",
            {("chi2", 1), ("chi2", 4), ("chi3", 1)},
        ),
        (
            "cyclo-GGGGG",
            ("C", "N"),
            "Gly1 N–Gly5 C",
            "head-to-tail ring (trained on capped)",
            {("phi", 1), ("psi", 5), ("omega", 5)},
        ),
    ],
)
def test_from_md_to_evaluation(pdbs, tmp_path, name, closure, bond, beyond, angles):
    md = MdFiles.in_folder(tmp_path / "md")
    simulate_to_files(Peptide(name, pdbs[name], SimulateSettings(**IMPLICIT), tmp_path / "work", md), 1)
    trajectory = mdtraj.load(str(md.trajectory), top=str(md.topology))
    featurize_to_file(md.trajectory, md.topology, md.record, FeatureSettings(), name, tmp_path / "features.h5")
    molecule = FeatureFile(tmp_path / "features.h5").molecule
    ((first, second),) = molecule.closures.bonds
    assert (molecule.atom_names[first], molecule.atom_names[second]) == closure
    heavy = trajectory.xyz[:, trajectory.topology.select("element != H")]
    lengths = np.linalg.norm(heavy[:, first] - heavy[:, second], axis=-1)
    np.testing.assert_allclose(lengths, 0.204 if closure[0] == "SG" else 0.134, atol=0.02)

    network = NetworkSettings(hidden_irreps="8x0e + 4x1e", n_convolutions=2, n_radial=8, radial_width=8)
    torch.manual_seed(0)
    save_denoiser(
        tmp_path / "own.ckpt", Denoiser(network, 0.2), network, TrainingSettings(sigma=0.04), {"trained_on": TOLD}
    )
    samples = SamplingFiles.in_folder(tmp_path / "samples")
    settings = SamplingSettings(device="cpu", samples=20, chains=4)
    sample_to_files(NetworkScore.read(tmp_path / "own.ckpt"), [pdbs[name]], name, settings, samples, 1, pdbs[name])
    assert beyond in read_json(samples.record)["outside_training"]

    pair = load_inputs(md.trajectory, samples.samples, md.topology, samples.topology)
    evaluation = EvaluationSettings()
    compared, _ = comparison.analyse(pair, evaluation)
    assert angles <= {(entry["kind"], entry["residue"]) for entry in compared["torsions"]}
    judged, _ = physicality.analyse(pair, evaluation)
    assert bond in {entry["label"] for entry in judged["raw"]["bonds"]["terms"]}


def test_members_of_a_batch(pdbs, tmp_path):
    settings = SimulateSettings(**IMPLICIT | {"batched": True, "production": "0.2 ps", "replicas": 2})
    peptides = [
        Peptide(name, pdb, settings, tmp_path / "work" / name, MdFiles.in_folder(tmp_path / name))
        for name, pdb in pdbs.items()
    ]
    simulate_batched_to_files(peptides, 1)
    for peptide in peptides:
        trajectory = mdtraj.load(str(peptide.files.trajectory), top=str(peptide.files.topology))
        built = mdtraj.load(str(peptide.pdb))
        assert trajectory.n_frames == 4
        assert sorted(bonds(trajectory.topology)) == sorted(bonds(built.topology))


def bonds(topology):
    return [tuple(sorted((first.index, second.index))) for first, second in topology.bonds]


@pytest.mark.parametrize("name", NAMES)
def test_other_force_fields_and_starts(pdbs, name):
    other = SimulateSettings(**IMPLICIT | {"forcefield": "amber14", "starts": ["built", "alpha"]})
    assert make_member(pdbs[name], other).system.getNumParticles() == mdtraj.load(str(pdbs[name])).n_atoms
    with pytest.raises(SimulationError, match=r"sets its backbone, so it can start as built alone\. Take alpha out"):
        make_member(pdbs[name], other, "alpha")
