"""MD of peptides with D residues, and what comes of it in features."""

import mdtraj
import numpy as np
import pytest

from jamun.config.features import FeatureSettings
from jamun.config.simulate import SimulateSettings
from jamun.data.featurize import featurize_to_file
from jamun.data.store import FeatureFile
from jamun.io.files import MdFiles
from jamun.peptides.build import build_to_files
from jamun.peptides.checks import hands, stereocentres
from jamun.peptides.residues import chirality
from jamun.peptides.sequences import parse_sequence
from jamun.simulate.run import Peptide, simulate_to_files


@pytest.mark.parametrize("sequence", ["T(D)A", "P(D)I"])
def test_hands_are_those_asked_for_from_building_to_features(sequence, tmp_path):
    """From two conformations, each of which is the mirror image at the D residue."""
    peptide = parse_sequence(sequence)
    pdb = tmp_path / "built.pdb"
    build_to_files(peptide, "capped", 7.0, pdb, tmp_path / "built.json")
    settings = SimulateSettings(
        solvent="implicit",
        timestep=2.0,
        equilibration=[],
        ensemble="NVT",
        replicas=2,
        starts=["alpha", "beta"],
        production=0.2,
        frame_interval=0.1,
        platform="Reference",
    )
    files = MdFiles.in_folder(tmp_path / "md")
    simulate_to_files(Peptide(peptide.name, pdb, settings, tmp_path / "work", files), 1)
    trajectory = mdtraj.load(str(files.trajectory), top=str(files.topology))
    built = mdtraj.load(str(pdb))
    expected = hands(built.xyz[0].astype(np.float64), built.topology)
    for _, centre, neighbours in stereocentres(trajectory.topology):
        owner = trajectory.topology.atom(centre).residue.index
        assert expected[centre] == peptide.hands[owner - 1]
        assert (chirality(trajectory.xyz, centre, neighbours) * expected[centre] > 0).all()
    phi = mdtraj.compute_phi(trajectory)[1]
    assert (np.sign(phi) == np.array([-hand for hand in peptide.hands])).all()
    features = tmp_path / "features.h5"
    featurize_to_file(files.trajectory, files.topology, files.record, FeatureSettings(), peptide.name, features)
    file = FeatureFile(features)
    assert file.solvent == "implicit"
    wanted = [f"{name}{place + 2}" for place, name in enumerate(("THR", "ALA") if "T" in sequence else ("PRO", "ILE"))]
    assert file.molecule.d_residues == [label for label, hand in zip(wanted, peptide.hands, strict=True) if hand < 0]
