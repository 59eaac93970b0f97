"""Sampling from files to files: what is written, what never is, and what the record says."""

import multiprocessing
import os
import re
import signal
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

import mdtraj
import numpy as np
import pytest
import torch
from in_memory import walk_jump
from mdtraj.formats import XTCTrajectoryFile

from jamun.config.configuration import ConfigurationError, parse
from jamun.config.network import NetworkSettings
from jamun.config.sampling import SamplingSettings
from jamun.config.training import TrainingSettings
from jamun.data.molecule import Molecule
from jamun.io.atomic import read_json, read_npz
from jamun.io.seeds import derived_seed
from jamun.model.checkpoint import save_denoiser
from jamun.model.denoiser import Denoiser
from jamun.model.score import HandError, NetworkScore
from jamun.peptides.build import build_to_files
from jamun.peptides.sequences import PeptideError, parse_sequence
from jamun.peptides.writing import save_structure
from jamun.sampling import block, device, progress, run
from jamun.sampling.device import choose_batch
from jamun.sampling.noise import ChainNoise
from jamun.sampling.progress import Progress
from jamun.sampling.run import SamplingError, SamplingFiles, read_start, sample_to_files
from jamun.sampling.starts import read_starts

SIGMA = 0.04
# XTC keeps lengths to 0.001 nm.
XTC_ROUNDING = 0.0006


class NearStart:
    """The exact denoiser of atoms that each vibrate about their place in the start by 0.01 nm."""

    def __init__(self, start):
        self.start, self.gain, self.calls = start - start.mean(0), 0.01**2 / (0.01**2 + SIGMA**2), 0

    def __call__(self, y, sigma):
        assert sigma == SIGMA
        self.calls += 1
        return self.start + self.gain * (y - self.start)


class Breaking(NearStart):
    """The same, but from the fifth evaluation chain 1 is not a number, and from the ninth chain 3 is far away, as long
    as all five chains walk."""

    def __call__(self, y, sigma):
        xhat = super().__call__(y, sigma)
        if self.calls >= 5 and len(xhat) == 5:
            xhat[1] = float("nan")
        if self.calls >= 9 and len(xhat) == 5:
            xhat[3] *= 100
        return xhat


class Broken(NearStart):
    """Every chain is lost at the fourth evaluation."""

    def __call__(self, y, sigma):
        return super().__call__(y, sigma) * (float("nan") if self.calls >= 4 else 1.0)


@dataclass
class Exact:
    """A score that is known, in place of a network's."""

    denoise: Callable[[torch.Tensor, float], torch.Tensor]
    file: str = "known"
    sha256: str = "0" * 64
    sigma: float = SIGMA
    levels: tuple[float, float] = (SIGMA, SIGMA)

    def bytes_per_chain(self, atoms):
        return 10_000 * atoms**2

    def outside(self, molecule):
        return None

    def denoiser(self, molecule, settings, device):
        return self.denoise


@pytest.fixture(scope="module")
def pdb(tmp_path_factory):
    folder = tmp_path_factory.mktemp("peptide")
    build_to_files(parse_sequence("AG"), "capped", 7.0, folder / "AG.pdb", folder / "AG.json")
    return folder / "AG.pdb"


@pytest.fixture
def sample(pdb, tmp_path):
    """Sample AG with a denoiser of one of the classes above; returns the denoiser, the record and the folder."""

    def do(kind, folder="out", pdbs=(), built=None, threads=1, **settings):
        pdbs = list(pdbs) or [pdb]
        denoiser = kind(torch.as_tensor(read_start(pdbs[0]).xyz[0]))
        target = tmp_path / folder
        sample_to_files(
            Exact(denoiser),
            pdbs,
            "AG",
            SamplingSettings(device="cpu", **settings),
            SamplingFiles.in_folder(target, tmp_path / "work" / "AG"),
            threads,
            built,
        )
        return denoiser, read_json(target / "sampling.json"), target

    return do


def read_xtc(path):
    with XTCTrajectoryFile(str(path)) as xtc:
        xyz, time, step, _ = xtc.read()
    return xyz, time, step


def test_frames_chains_and_record(sample, pdb, tmp_path):
    denoiser, record, out = sample(NearStart, samples=103, chains=10, burn_in=4, stride=2)
    xyz, time, step = read_xtc(out / "samples.xtc")
    # 103 is not a multiple of 10: the last step writes the first three chains.
    assert step.tolist() == (list(range(10)) * 11)[:103]
    assert time.tolist() == [1 + frame // 10 for frame in range(103)]
    assert record["samples"] == {
        "asked": 103,
        "generated": 103,
        "written": 103,
        "accepted": 103,
        "rejected": 0,
        "rejected_for": {"lost": 0},
    }
    assert record["flaws"] == {name: {"count": 0, "share": 0} for name in ("broken", "inverted", "clash")}
    assert record["batch"] == 10
    assert record["notes"] == []
    assert all(record[name] == 0 for name in ("jump_evaluations", "resumptions"))
    flags = read_npz(out / "flags.npz")
    assert flags.keys() == {"accepted", "broken", "inverted", "clash"}
    assert flags["accepted"].tolist() == [True] * 103
    assert record["chain_lengths"] == [11] * 3 + [10] * 7
    # 4 steps of burn-in, 11 samples 2 steps apart, and the evaluation at the start.
    assert record["network_evaluations"] == denoiser.calls == 4 + 11 * 2 + 1
    assert record["milliseconds_per_sample"] == pytest.approx(1e3 * record["seconds"] / 103)
    assert not (tmp_path / "work" / "AG").exists()

    trajectory = mdtraj.load(out / "samples.xtc", top=out / "topology.pdb")
    assert {atom.element.symbol for atom in trajectory.topology.atoms} == {"C", "N", "O"}
    assert trajectory.n_atoms == record["atoms"] == 3 + 5 + 4 + 2  # ACE, ALA, GLY, NME
    assert np.abs(trajectory.xyz.mean(1)).max() < XTC_ROUNDING

    settings = SamplingSettings(device="cpu", samples=103, chains=10, burn_in=4, stride=2)
    start = torch.as_tensor(read_start(pdb).xyz[0])
    walked = walk_jump(
        lambda y: denoiser(y, SIGMA), start, SIGMA, settings, derived_seed(settings.seed, "sample", "AG")
    )
    expected = np.concatenate([jump.samples.numpy() for jump in islice(walked, 11)])[:103]
    np.testing.assert_allclose(xyz, expected, atol=XTC_ROUNDING)


def test_the_same_seed_gives_the_same_file(sample):
    first = sample(NearStart, "first", samples=60, chains=6)[2]
    second = sample(NearStart, "second", samples=60, chains=6)[2]
    other = sample(NearStart, "other", samples=60, chains=6, seed=1)[2]
    assert (first / "samples.xtc").read_bytes() == (second / "samples.xtc").read_bytes()
    assert (first / "samples.xtc").read_bytes() != (other / "samples.xtc").read_bytes()


def test_a_chain_is_the_same_beside_more_chains(sample):
    few, _, few_chains = read_xtc(sample(NearStart, "few", samples=30, chains=3)[2] / "samples.xtc")
    many, _, many_chains = read_xtc(sample(NearStart, "many", samples=80, chains=8)[2] / "samples.xtc")
    for chain in range(3):
        np.testing.assert_allclose(few[few_chains == chain], many[many_chains == chain], atol=1e-6)


def test_lost_chains_are_counted_and_never_written(sample):
    _, record, out = sample(Breaking, samples=100, chains=5)
    xyz, time, step = read_xtc(out / "samples.xtc")
    assert len(xyz) == 100
    assert record["samples"]["generated"] == 102
    assert record["samples"]["rejected"] == record["samples"]["rejected_for"]["lost"] == 2
    assert np.isfinite(xyz).all()
    assert np.abs(xyz).max() < 1.5
    assert record["chains_stopped"]["count"] == 2
    # BAOAB's first evaluation is at the start, so the fifth is that of step 4 and the ninth that of step 8.
    assert record["chain_lengths"][1] == (step == 1).sum() == 3
    assert record["chain_lengths"][3] == (step == 3).sum() == 7
    for chain in range(5):
        assert time[step == chain].tolist() == list(range(1, record["chain_lengths"][chain] + 1))


def test_all_chains_lost_is_an_error_and_publishes_nothing(sample, tmp_path):
    with pytest.raises(SamplingError, match="all 4 chains left the molecule within 3 steps, after 8 samples"):
        sample(Broken, samples=100, chains=4)
    assert not (tmp_path / "out").exists()


def test_a_real_checkpoint(pdb, tmp_path):
    network = NetworkSettings(hidden_irreps="8x0e + 4x1e", n_convolutions=2, n_radial=8, radial_width=8)
    torch.manual_seed(0)
    denoiser = Denoiser(network, 0.2)
    save_denoiser(tmp_path / "checkpoint.ckpt", denoiser, network, TrainingSettings(sigma=SIGMA), {})
    settings = SamplingSettings(device="cpu", samples=25, chains=10)
    sample_to_files(
        NetworkScore.read(tmp_path / "checkpoint.ckpt"), [pdb], "AG", settings, SamplingFiles.in_folder(tmp_path), 1
    )
    assert mdtraj.load(tmp_path / "samples.xtc", top=tmp_path / "topology.pdb").n_frames == 25
    record = read_json(tmp_path / "sampling.json")
    assert record["sigma_nm"] == SIGMA
    assert record["network_evaluations"] == 4
    assert len(record["checkpoint"]["sha256"]) == 64


def test_structures_and_devices_that_cannot_be_used(sample, tmp_path):
    (tmp_path / "text.pdb").write_text("no structure\n")
    with pytest.raises(PeptideError, match=r"text\.pdb: no peptide in it"):
        read_start(tmp_path / "text.pdb")
    with pytest.raises(PeptideError, match=r"absent\.pdb: no such file"):
        read_start(tmp_path / "absent.pdb")
    if not torch.cuda.is_available():
        with pytest.raises(SamplingError, match=r"sampling\.device is cuda"):
            device.choose_device("cuda")


def by_chain(out):
    """Frames of each chain in the order of its walk."""
    xyz, time, step = read_xtc(out / "samples.xtc")
    for chain in np.unique(step):
        assert time[step == chain].tolist() == list(range(1, (step == chain).sum() + 1))
    return {int(chain): xyz[step == chain] for chain in np.unique(step)}


@pytest.mark.parametrize("integrator", ["BAOAB", "ABOBA"])
def test_batches_of_any_size_give_the_same_samples(sample, integrator):
    options = {"samples": 95, "chains": 10, "burn_in": 3, "integrator": integrator}
    whole = by_chain(sample(NearStart, "whole", **options)[2])
    for batch in (1, 3, 4, 7, 9):
        denoiser, record, out = sample(NearStart, f"batch_{batch}", batch=batch, **options)
        parts = by_chain(out)
        assert record["batch"] == batch
        assert record["samples"]["accepted"] == 95
        assert record["network_evaluations"] == denoiser.calls
        for chain, frames in whole.items():
            np.testing.assert_allclose(parts[chain], frames, atol=1.1e-3)


def test_batches_that_reject_give_the_same_samples(sample):
    options = {"samples": 60, "chains": 6, "reject": ["broken"], "most_generated": 50}
    whole = by_chain(sample(Stretching, "whole", **options)[2])
    parts = by_chain(sample(Stretching, "parts", batch=4, **options)[2])
    for chain, frames in whole.items():
        np.testing.assert_allclose(parts[chain], frames, atol=1.1e-3)


class Sized(NearStart):
    """Notes how many chains it sees at a time."""

    def __init__(self, start):
        super().__init__(start)
        self.sizes = set()

    def __call__(self, y, sigma):
        self.sizes.add(len(y))
        return super().__call__(y, sigma)


def test_a_compiled_network_sees_one_size_of_batch(sample):
    whole = by_chain(sample(NearStart, "whole", samples=43, chains=10)[2])
    denoiser, record, out = sample(Sized, "compiled", samples=43, chains=10, batch=4, compile="default")
    assert denoiser.sizes == {4}
    assert record["samples"]["accepted"] == 43
    for chain, frames in by_chain(out).items():
        np.testing.assert_allclose(frames, whole[chain], atol=1.1e-3)


def test_one_evaluation_a_step_of_each_batch(sample):
    for integrator, extra in (("BAOAB", 1), ("ABOBA", 0)):
        denoiser, record, _ = sample(NearStart, integrator, samples=80, chains=8, batch=4, integrator=integrator)
        assert record["network_evaluations"] == denoiser.calls == 2 * (10 + extra)


class Stretching(NearStart):
    """The end of the peptide is pulled away by 0.1 nm where the first coordinate of its walk is positive."""

    def __call__(self, y, sigma):
        xhat = super().__call__(y, sigma)
        xhat[:, -1, 0] += 0.1 * (y[:, 0, 0] - self.start[0, 0] > 0)
        return xhat


def test_rejected_samples_are_written_reported_and_replaced(sample):
    _, record, out = sample(Stretching, samples=200, chains=10, reject=["broken", "inverted"])
    flags, samples = read_npz(out / "flags.npz"), record["samples"]
    assert samples["asked"] == samples["accepted"] == flags["accepted"].sum() == 200
    assert samples["generated"] == samples["written"] == len(flags["accepted"]) == len(read_xtc(out / "samples.xtc")[0])
    assert 300 < samples["generated"] < 600
    assert samples["rejected"] == samples["rejected_for"]["broken"] == flags["broken"].sum()
    assert samples["rejected_for"] == {"lost": 0, "broken": samples["rejected"], "inverted": 0}
    assert np.array_equal(flags["accepted"], ~flags["broken"])
    assert not flags["inverted"].any()
    assert record["flaws"]["broken"]["share"] == pytest.approx(samples["rejected"] / samples["generated"])
    assert flags["accepted"][-1]  # nothing is made beyond the last that counts
    # What is flagged is what is in the file: the last bond is longer.
    trajectory = mdtraj.load(out / "samples.xtc", top=out / "topology.pdb")
    bonds = [(first.index, second.index) for first, second in trajectory.topology.bonds]
    lengths = mdtraj.compute_distances(trajectory, bonds)
    stretched = np.abs(lengths - mdtraj.compute_distances(mdtraj.load(out / "topology.pdb"), bonds)).max(1)
    assert (stretched[flags["broken"]] > 0.05 - 2 * XTC_ROUNDING).all()
    assert (stretched[~flags["broken"]] < 0.05 + 2 * XTC_ROUNDING).all()


def test_flaws_are_reported_where_nothing_is_rejected(sample):
    _, record, out = sample(Stretching, samples=200, chains=10)
    flags = read_npz(out / "flags.npz")
    assert record["samples"]["generated"] == record["samples"]["accepted"] == 200
    assert flags["accepted"].all()
    assert record["flaws"]["broken"] == {"count": flags["broken"].sum(), "share": flags["broken"].mean()}
    assert 0.2 < flags["broken"].mean() < 0.8


class Mirroring(NearStart):
    """The mirror image where the first coordinate of the walk is larger by a sigma: half of a sixth of the time."""

    def __call__(self, y, sigma):
        xhat = super().__call__(y, sigma)
        beyond = y[:, 0, 0] - self.start[0, 0] > SIGMA
        return torch.where(beyond[:, None, None], xhat * torch.tensor([-1.0, 1.0, 1.0]), xhat)


def test_chirality_is_kept_where_asked(sample):
    settings = {"samples": 2000, "chains": 20, "burn_in": 20, "stride": 3}
    _, free, _ = sample(Mirroring, "free", **settings)
    denoiser, kept, out = sample(Mirroring, "kept", **settings, keep_chirality=True)
    assert free["flaws"]["inverted"]["share"] > 0.1
    assert free["steps_rejected"] == 0
    assert kept["flaws"]["inverted"]["count"] == 0
    assert not read_npz(out / "flags.npz")["inverted"].any()
    assert kept["steps"] == free["steps"] == 20 * (20 + 3 * 100)
    assert 0.02 < kept["steps_rejected"] / kept["steps"] < 0.3
    # A step that is rejected costs its evaluation, and no other.
    assert kept["network_evaluations"] == free["network_evaluations"] == denoiser.calls


class Torn(NearStart):
    """No sample is whole."""

    def __call__(self, y, sigma):
        xhat = super().__call__(y, sigma)
        xhat[:, -1, 0] += 0.1
        return xhat


def test_too_few_accepted_samples_are_an_error(sample, tmp_path):
    with pytest.raises(
        SamplingError,
        match=r"150 samples were generated and 0 of 50 accepted \(0 lost, 150 broken\).*most_generated \(3 ",
    ):
        sample(Torn, samples=50, chains=10, reject=["broken"], most_generated=3)
    assert not (tmp_path / "out").exists()


def several(pdb, folder, shifts):
    """PDBs of the peptide with its last atom moved along x."""
    paths = []
    for place, shift in enumerate(shifts):
        structure = mdtraj.load(pdb)
        heavy = read_start(pdb).topology.n_atoms
        index = [atom.index for atom in structure.topology.atoms if atom.element.symbol != "H"][heavy - 1]
        structure.xyz[0, index, 0] += shift
        paths.append(folder / f"start_{place}.pdb")
        structure.save_pdb(str(paths[-1]))
    return paths


class Loose(NearStart):
    """A score of zero: chains stay where they began."""

    def __call__(self, y, sigma):
        return y - y.mean(1, keepdim=True)


def test_chains_start_from_the_structures_in_turn(sample, pdb, tmp_path):
    files = several(pdb, tmp_path, (0.0, 0.04, 0.08))
    models = tmp_path / "models.pdb"
    mdtraj.join([mdtraj.load(path) for path in files]).save_pdb(str(models))
    options = {"samples": 7, "chains": 7, "step": 1e-6, "batch": 3, "sigma": 1e-3}

    frames = by_chain(sample(Loose, "files", pdbs=files, **options)[2])
    length = [np.linalg.norm(frames[chain][0, -1] - frames[chain][0, -2]) for chain in range(7)]
    built = [np.linalg.norm(x[-1] - x[-2]) for x in (read_start(path).xyz[0] for path in files)]
    assert np.diff(sorted(built)).min() > 0.02
    np.testing.assert_allclose(length, [built[chain % 3] for chain in range(7)], atol=0.01)
    _, record, out = sample(Loose, "models", pdbs=[models], **options)
    assert record["starts"]["structures"] == 3
    for chain, frame in by_chain(out).items():
        np.testing.assert_allclose(frame, frames[chain], atol=1.1e-3)


def test_starts_of_other_molecules_are_refused(sample, pdb, tmp_path):
    build_to_files(parse_sequence("AA"), "capped", 7.0, tmp_path / "AA.pdb", tmp_path / "AA.json")
    lines = pdb.read_text().splitlines()
    atoms = [place for place, line in enumerate(lines) if line.startswith(("ATOM", "HETATM")) and " ACE " in line]
    first, second = [place for place in atoms if lines[place].split()[2] in ("C", "O")]
    lines[first], lines[second] = lines[second], lines[first]
    (tmp_path / "other_order.pdb").write_text("\n".join(lines) + "\n")
    with pytest.raises(SamplingError, match=r"AA\.pdb: 15 heavy atoms, but .*AG\.pdb has 14; all starts"):
        sample(NearStart, pdbs=[pdb, tmp_path / "AA.pdb"], samples=10, chains=2)
    build_to_files(parse_sequence("GA"), "capped", 7.0, tmp_path / "GA.pdb", tmp_path / "GA.json")
    with pytest.raises(SamplingError, match=r"GA\.pdb: has GLY2-N where .*AG\.pdb has ALA2-N; the atoms"):
        sample(NearStart, pdbs=[pdb, tmp_path / "GA.pdb"], samples=10, chains=2)
    first, second = read_starts([pdb, tmp_path / "other_order.pdb"]).trajectory.xyz
    np.testing.assert_array_equal(first, second)  # atoms are told by their names
    with pytest.raises(SamplingError, match=r"AA\.pdb: 15 heavy atoms, but the built peptide has 14"):
        sample(NearStart, pdbs=[tmp_path / "AA.pdb"], built=pdb, samples=10, chains=2)


class MirroredNoise(ChainNoise):
    """The same numbers, mirrored."""

    def __call__(self):
        return super().__call__() * torch.tensor([-1.0, 1.0, 1.0])


@pytest.mark.parametrize("told", [True, False], ids=["told of hands", "not told"])
def test_samples_of_a_d_peptide_are_the_mirror_image(told, pdb, tmp_path, monkeypatch):
    """Of the L peptide's from the mirrored noise, by a network that is told of hands and by one that is not."""
    network = NetworkSettings(hidden_irreps="8x0e + 4x1e", n_convolutions=3, n_radial=8, radial_width=8)
    torch.manual_seed(0)
    denoiser = Denoiser(network, 0.2)
    with torch.no_grad():
        denoiser.gain.fill_(1.0)
    save_denoiser(tmp_path / "checkpoint.ckpt", denoiser, network, TrainingSettings(sigma=SIGMA), {})
    score = NetworkScore.read(tmp_path / "checkpoint.ckpt")
    if not told:
        score.loaded.denoiser.knows_hands = False
        monkeypatch.setattr(Molecule, "atom_hands", lambda self: np.ones(self.n_atoms, np.int8))
    start = read_start(pdb)
    start.xyz = start.xyz * np.array([-1.0, 1.0, 1.0], np.float32)
    save_structure(start, tmp_path / "mirrored.pdb")
    settings = SamplingSettings(device="cpu", samples=20, chains=5, jump_sigmas=[0.02], corrector_steps=[2])
    mirror, made = np.array([-1.0, 1.0, 1.0]), {}
    for name, path, noise in (("L", pdb, ChainNoise), ("D", tmp_path / "mirrored.pdb", MirroredNoise)):
        monkeypatch.setattr(block, "ChainNoise", noise)
        sample_to_files(score, [path], "AG", settings, SamplingFiles.in_folder(tmp_path / name), 1)
        made[name], _, _ = read_xtc(tmp_path / name / "samples.xtc")
    np.testing.assert_allclose(made["D"] * mirror, made["L"], rtol=0, atol=2 * XTC_ROUNDING)
    assert np.abs(made["D"] - made["L"]).max() > 0.05
    assert read_json(tmp_path / "D" / "sampling.json")["d_residues"] == ["ALA2"]
    assert read_json(tmp_path / "D" / "sampling.json")["flaws"] == read_json(tmp_path / "L" / "sampling.json")["flaws"]


def test_both_hands_are_refused_where_a_network_is_not_told(tmp_path):
    build_to_files(parse_sequence("A(D)V"), "capped", 7.0, tmp_path / "AV.pdb", tmp_path / "AV.json")
    network = NetworkSettings(hidden_irreps="8x0e + 4x1e", n_convolutions=2, n_radial=8, radial_width=8)
    denoiser = Denoiser(network, 0.2)
    save_denoiser(tmp_path / "checkpoint.ckpt", denoiser, network, TrainingSettings(sigma=SIGMA), {})
    score = NetworkScore.read(tmp_path / "checkpoint.ckpt")
    score.loaded.denoiser.knows_hands = False
    settings = SamplingSettings(device="cpu", samples=2, chains=2)
    with pytest.raises(HandError, match=r"knows one hand only, and ALA2 of the molecule is D"):
        sample_to_files(score, [tmp_path / "AV.pdb"], "AV", settings, SamplingFiles.in_folder(tmp_path / "out"), 1)


def test_a_peptide_outside_of_the_training_is_told(pdb, tmp_path, caplog):
    network = NetworkSettings(hidden_irreps="8x0e + 4x1e", n_convolutions=2, n_radial=8, radial_width=8)
    told = {"lengths": [4], "residues": ["ALA", "GLY"], "forms": ["capped"], "hands": ["L"], "solvent": None}
    record = {"trained_on": told}
    save_denoiser(tmp_path / "own.ckpt", Denoiser(network, 0.2), network, TrainingSettings(sigma=SIGMA), record)
    settings = SamplingSettings(device="cpu", samples=2, chains=2)
    score = NetworkScore.read(tmp_path / "own.ckpt")
    sample_to_files(score, [pdb], "AG", settings, SamplingFiles.in_folder(tmp_path / "out"), 1)
    sentence = "Outside of what the model was trained on, so extrapolated: 2 residues (trained on 4)."
    written = read_json(tmp_path / "out" / "sampling.json")
    assert written["outside_training"] == sentence
    assert sentence in written["notes"]
    assert sentence in caplog.text


def test_starts_of_the_other_hand_are_refused(sample, pdb, tmp_path):
    start = read_start(pdb)
    start.xyz = -start.xyz
    save_structure(start, tmp_path / "D.pdb")
    with pytest.raises(SamplingError, match=r"D\.pdb: ALA2 CA is inverted \(D instead of L\), other than in .*AG\.pdb"):
        sample(NearStart, pdbs=[pdb, tmp_path / "D.pdb"], samples=10, chains=2)
    with pytest.raises(SamplingError, match=r"ALA2 CA is inverted .*, other than in the built peptide"):
        sample(NearStart, pdbs=[tmp_path / "D.pdb"], built=pdb, samples=10, chains=2)


class AnyLevel(NearStart):
    """The exact denoiser at every noise level."""

    def __call__(self, y, sigma):
        self.calls += 1
        return self.start + 0.01**2 / (0.01**2 + sigma**2) * (y - self.start)


def test_jumps_through_levels_cost_an_evaluation_each(sample):
    denoiser, record, out = sample(AnyLevel, samples=300, chains=10, jump_sigmas=[0.02, 0.01, 0.005])
    assert record["jump_evaluations"] == 3 * 30
    assert record["network_evaluations"] == denoiser.calls == 31 + 90
    assert len(record["notes"]) == 1
    assert "0.02, 0.01, 0.005 nm; the network was trained at 0.04 nm only" in record["notes"][0]
    # A single jump returns the mean of the posterior, 1/4 of an angstrom wide; going down restores most of the width.
    one = by_chain(sample(AnyLevel, "one", samples=300, chains=10)[2])
    spread = [np.concatenate(list(frames.values())).std(0).mean() for frames in (one, by_chain(out))]
    assert spread[1] > 2 * spread[0]


def test_correctors_cost_an_evaluation_a_step_and_leave_the_walk_as_it_is(sample):
    down = {"samples": 300, "chains": 10, "jump_sigmas": [0.02, 0.01]}
    denoiser, record, out = sample(AnyLevel, **down, corrector_steps=[3, 0])
    assert record["jump_evaluations"] == (2 + 3) * 30
    assert record["network_evaluations"] == denoiser.calls == 31 + 150
    none, without = (by_chain(sample(AnyLevel, name, **down, **steps)[2]) for name, steps in
                     (("none", {"corrector_steps": [0, 0]}), ("without", {})))  # fmt: skip
    corrected = by_chain(out)
    for chain, frames in without.items():
        assert np.array_equal(none[chain], frames)
        assert not np.array_equal(corrected[chain], frames)
    spread = [np.concatenate(list(frames.values())).std(0).mean() for frames in (corrected, without)]
    assert spread[0] == pytest.approx(0.01 * 0.01 / np.hypot(0.01, 0.01), rel=0.3)


def test_sigma_of_the_settings_is_noted(sample):
    _, record, _ = sample(AnyLevel, samples=20, chains=10, sigma="0.02 nm")
    assert record["sigma_nm"] == 0.02
    assert record["trained_sigma_nm"] == SIGMA
    assert record["notes"] == ["The walk is at sigma 0.02 nm; the network was trained at 0.04 nm only."]


def test_levels_within_the_trained_range_are_not_noted():
    trained = (0.01, 0.06)
    for settings in (
        {},
        {"sigma": 0.06},
        {"sigma": "0.6 angstrom", "jump_sigmas": ["0.2 angstrom", "0.1 angstrom"]},
        {"jump_sigmas": [0.02, 0.01]},
    ):
        assert run._levels(SamplingSettings(**settings), SIGMA, trained)[1:] == ([], [])
    sigma, untrained, notes = run._levels(
        SamplingSettings(sigma=0.07, jump_sigmas=[0.03, 0.005, 0.002]), SIGMA, trained
    )
    assert (sigma, untrained) == (0.07, [0.07, 0.005, 0.002])
    assert notes == [
        "The walk is at sigma 0.07 nm; the network was trained from 0.01 to 0.06 nm.",
        "Jumps go down through 0.005, 0.002 nm; the network was trained from 0.01 to 0.06 nm, so what it says there is "
        "extrapolated.",
    ]


def test_a_jump_must_go_down(sample):
    with pytest.raises(SamplingError, match=r"begins at 0\.05 nm, which is not below the walk's sigma of 0\.04 nm"):
        sample(NearStart, samples=20, chains=10, jump_sigmas=[0.05])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"chains": 20, "samples": 10}, "cannot exceed samples"),
        ({"jump_sigmas": [0.01, 0.02]}, "must decrease"),
        ({"keep_chirality": True, "integrator": "ABOBA"}, "needs integrator BAOAB"),
        ({"jump_sigmas": [0.02, 0.01], "corrector_steps": [2]}, "corrector_steps has 1 numbers for 2 jump_sigmas"),
        ({"jump_sigmas": [0.02], "corrector_steps": [-1]}, "greater than or equal to 0"),
        (
            {"jump_sigmas": [0.02], "corrector_steps": [1], "integrator": "ABOBA"},
            "corrector_steps needs integrator BAOAB",
        ),
        ({"sigma": 0.02, "jump_sigmas": [0.02]}, "must decrease from below the walk's sigma"),
        ({"reject": ["broken", "broken"]}, "names a reason twice"),
        ({"reject": ["ugly"]}, "'broken', 'inverted' or 'clash'"),
        ({"score_clip": 0}, "greater than 0"),
        ({"inverse_temperature": -1}, "greater than or equal to 0"),
        ({"chains": 10001}, "less than or equal to 10000"),
        ({"sigma": "4 K"}, "is not a length"),
    ],
)
def test_settings_that_cannot_be(settings, words):
    with pytest.raises(ConfigurationError, match=re.escape(words)) as error:
        parse({"sampling": settings})
    assert "\n" not in str(error.value)


def test_memory_does_not_grow_with_the_samples(sample, monkeypatch):
    waiting = []
    add = Progress.add
    monkeypatch.setattr(progress, "_MOST_WAITING", 50_000)
    monkeypatch.setattr(Progress, "add", lambda self, *frames: (add(self, *frames), waiting.append(self._bytes)))
    _, record, out = sample(NearStart, samples=2000, chains=10, checkpoint_interval=3600)
    assert max(waiting) < 50_000 + 10 * 14 * 12
    assert len(read_xtc(out / "samples.xtc")[0]) == record["samples"]["written"] == 2000


def test_batches_that_fit_the_memory_and_the_caches():
    network, device = Denoiser(NetworkSettings(), 0.3), torch.device("cpu")
    small, large, huge = (network.bytes_per_graph(atoms) for atoms in (24, 400, 5000))
    # A large network has its sixteen chains whatever they take; of a small one more stay in the caches.
    assert choose_batch(100, None, small, device) == 15  # seven batches alike
    assert choose_batch(100, None, 2**25 // 40, device) == 34
    assert 2**31 / large < 16
    assert choose_batch(10_000, None, large, device) == 2**31 // large
    assert choose_batch(10_000, None, huge, device) == 1
    assert choose_batch(10, 3, large, device) == 3
    assert choose_batch(10, 300, large, device) == 10
    # Workers share the memory and the chains; each has several batches where there are chains enough.
    assert choose_batch(25, None, small, device, workers=2) == 13
    assert choose_batch(3, None, small, device, workers=2) == 2
    assert choose_batch(100, None, 2**25 // 40, device, workers=2) == 15
    assert choose_batch(1000, None, 2**25 // 40, device, workers=2) == 40
    assert choose_batch(1000, None, huge, device, workers=2) == 1
    assert choose_batch(10_000, None, 2**26, device, workers=4) == 8


UNITS = [({"avx512_bf16": True}, "bfloat16"), ({"avx512_bf16": False}, "float32")]


@pytest.mark.parametrize(("units", "expected"), UNITS)
def test_precision_follows_from_the_processor(monkeypatch, units, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: units)
    settings, cpu = SamplingSettings(), torch.device("cpu")
    assert device.with_precision(settings, cpu).precision == expected
    assert device.with_precision(settings.model_copy(update={"precision": "float32"}), cpu).precision == "float32"


@pytest.mark.parametrize("threads", [2, 3])
def test_workers_make_the_same_samples(sample, threads):
    options = {"samples": 95, "chains": 10, "burn_in": 3, "reject": ["broken"], "most_generated": 50, "stride": 2}
    _, alone, one = sample(Stretching, "one", **options)
    _, record, many = sample(Stretching, "many", threads=threads, checkpoint_interval=0.01, **options)
    assert (alone["workers"], record["workers"]) == (1, threads)
    assert record["batch"] < alone["batch"] == 10
    for key in ("samples", "flaws", "chain_lengths", "steps"):
        assert record[key] == alone[key]
    # In one order, however fast each worker was.
    xyz, times, steps = read_xtc(one / "samples.xtc")
    others, *labels = read_xtc(many / "samples.xtc")
    np.testing.assert_allclose(others, xyz, atol=1.1e-3)
    assert [label.tolist() for label in labels] == [times.tolist(), steps.tolist()]
    for name, flags in read_npz(one / "flags.npz").items():
        assert np.array_equal(read_npz(many / "flags.npz")[name], flags)


def test_workers_are_as_many_as_chains(sample):
    _, record, _ = sample(NearStart, samples=4, chains=2, threads=8)
    assert (record["threads"], record["workers"], record["batch"]) == (8, 2, 1)


class Deadly(NearStart):
    """Ends its worker at the third evaluation, as the system does where memory runs out."""

    def __call__(self, y, sigma):
        if self.calls == 3 and multiprocessing.parent_process() is not None:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().__call__(y, sigma)


def test_a_worker_that_is_killed_is_one_sentence(sample, tmp_path):
    with pytest.raises(SamplingError, match=r"^a worker process was killed.*sampling\.batch to less") as caught:
        sample(Deadly, samples=100, chains=4, threads=2)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


class Faulty(NearStart):
    """Has a fault of its own."""

    def __call__(self, y, sigma):
        raise ZeroDivisionError("of the model")


@pytest.mark.parametrize("threads", [1, 2])
def test_faults_of_a_model_are_told_as_they_are(sample, threads):
    with pytest.raises(ZeroDivisionError, match="of the model"):
        sample(Faulty, samples=100, chains=4, threads=threads)
