"""Sampling from files to files: what is written, what never is, and what the record says."""

from dataclasses import dataclass
from itertools import islice
from typing import Any

import mdtraj
import numpy as np
import pytest
import torch
from mdtraj.formats import XTCTrajectoryFile

from jamun.config.network import NetworkSettings
from jamun.config.sampling import SamplingSettings
from jamun.config.training import TrainingSettings
from jamun.io.atomic import read_json
from jamun.io.seeds import derived_seed
from jamun.model.checkpoint import save_denoiser
from jamun.model.denoiser import Denoiser
from jamun.peptides.build import build_to_files
from jamun.peptides.sequences import parse_sequence
from jamun.sampling import run
from jamun.sampling.run import SamplingError, read_start, sample_to_files
from jamun.sampling.walk import walk_jump

SIGMA = 0.04
# XTC keeps lengths to 0.001 nm.
XTC_ROUNDING = 0.0006


class NearStart:
    """The exact denoiser of atoms that each vibrate about their place in the start by 0.01 nm."""

    def __init__(self, start):
        self.start, self.gain, self.calls = start - start.mean(0), 0.01**2 / (0.01**2 + SIGMA**2), 0

    def prepare(self, conditioning):
        return conditioning

    def __call__(self, y, sigma, prepared):
        assert sigma == SIGMA
        self.calls += 1
        return self.start + self.gain * (y - self.start)


class Breaking(NearStart):
    """The same, but from the fifth evaluation chain 1 is not a number, and from the ninth chain 3 is far away."""

    def __call__(self, y, sigma, prepared):
        xhat = super().__call__(y, sigma, prepared)
        if self.calls >= 5:
            xhat[1] = float("nan")
        if self.calls >= 9:
            xhat[3] *= 100
        return xhat


class Broken(NearStart):
    """Every chain is lost at the fourth evaluation."""

    def __call__(self, y, sigma, prepared):
        return super().__call__(y, sigma, prepared) * (float("nan") if self.calls >= 4 else 1.0)


@dataclass
class Loaded:
    denoiser: Any
    sigma: float = SIGMA


@pytest.fixture(scope="module")
def pdb(tmp_path_factory):
    folder = tmp_path_factory.mktemp("peptide")
    build_to_files(parse_sequence("AG"), "capped", 7.0, folder / "AG.pdb", folder / "AG.json")
    return folder / "AG.pdb"


@pytest.fixture
def sample(pdb, tmp_path, monkeypatch):
    """Sample AG with a denoiser of one of the classes above; returns the denoiser, the record and the folder."""

    def do(kind, folder="out", **settings):
        denoiser = kind(torch.as_tensor(read_start(pdb).xyz[0]))
        monkeypatch.setattr(run, "load_denoiser", lambda path, device: Loaded(denoiser))
        (tmp_path / "model.ckpt").write_bytes(b"weights")
        target = tmp_path / folder
        sample_to_files(
            tmp_path / "model.ckpt",
            pdb,
            "AG",
            SamplingSettings(device="cpu", **settings),
            target / "samples.xtc",
            target / "topology.pdb",
            target / "sampling.json",
            tmp_path / "work" / "AG",
            1,
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
    assert record["samples"] == {"asked": 103, "generated": 103, "rejected": 0}
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
        lambda y: denoiser(y, SIGMA, None), start, SIGMA, settings, derived_seed(settings.seed, "sample", "AG")
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
    sample_to_files(
        tmp_path / "checkpoint.ckpt",
        pdb,
        "AG",
        SamplingSettings(device="cpu", samples=25, chains=10),
        tmp_path / "samples.xtc",
        tmp_path / "topology.pdb",
        tmp_path / "sampling.json",
        tmp_path / "work",
        1,
    )
    assert mdtraj.load(tmp_path / "samples.xtc", top=tmp_path / "topology.pdb").n_frames == 25
    record = read_json(tmp_path / "sampling.json")
    assert record["sigma_nm"] == SIGMA
    assert record["network_evaluations"] == 4
    assert len(record["checkpoint"]["sha256"]) == 64


def test_structures_and_devices_that_cannot_be_used(sample, tmp_path):
    (tmp_path / "text.pdb").write_text("no structure\n")
    with pytest.raises(SamplingError, match=r"text\.pdb"):
        read_start(tmp_path / "text.pdb")
    with pytest.raises(SamplingError, match=r"absent\.pdb"):
        read_start(tmp_path / "absent.pdb")
    if not torch.cuda.is_available():
        with pytest.raises(SamplingError, match=r"sampling\.device is cuda"):
            run.choose_device("cuda")
