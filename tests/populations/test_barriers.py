"""Lowered barriers: what the bias is, and that populations are those without it."""

from dataclasses import replace

import mdtraj
import numpy as np
import openmm
import pytest
from openmm import unit

from jamun.peptides.bias import Bias
from jamun.peptides.build import build_to_files
from jamun.peptides.sequences import parse_sequence
from jamun.peptides.torsions import Torsion, compute_torsions, torsions_of
from jamun.populations.barriers import biased_system, free_energies, lowering
from jamun.populations.residues import PeptideRuns, Pool, ResidueSettings, step_results, weights_by
from jamun.populations.short_md import implicit_settings
from jamun.populations.steps import STEPS
from jamun.simulate.batch import ApartBatch
from jamun.simulate.system import make_member

TORSIONS = [Torsion(kind, place, "ALA") for place in (1, 2) for kind in ("phi", "psi")]


def drawn(free_energy, n_frames, generator):
    """Angles (n_frames,) with this free energy, kT, on a grid of -pi to pi."""
    density = np.exp(-free_energy)
    grid = np.linspace(-np.pi, np.pi, len(density), endpoint=False)
    chosen = generator.choice(grid, n_frames, p=density / density.sum())
    return chosen + (grid[1] - grid[0]) * (generator.random(n_frames) - 0.5)


def test_a_barrier_has_the_height_that_is_left_and_wells_stay():
    """Two wells that differ by 2 kT, with barriers of 9 kT; hot frames are at twice the temperature."""
    generator = np.random.default_rng(0)
    grid = np.linspace(-np.pi, np.pi, 720, endpoint=False)
    energy = 4.0 * (1 - np.cos(2 * grid)) + 1.0 - np.cos(grid)
    angles = drawn(energy / 2, 4000, generator)

    def left(bias):
        """The barrier over the higher well, and the change within the wells, where the energy itself goes up by 1."""
        added = bias.energy(TORSIONS[:1], grid[:, None])
        deeper, higher = np.abs(grid) < 0.5, np.abs(grid) > np.pi - 0.5
        top = (energy + added)[np.abs(np.abs(grid) - np.pi / 2) < 0.4].max() - (energy + added)[higher].min()
        return top, max(np.ptp(added[deeper]), np.ptp(added[higher]))

    assert left(Bias(TORSIONS[:1], np.zeros((1, 6))))[0] > 7.0
    bias = lowering(TORSIONS[:1], free_energies(angles[:, None], 2.0), 3.0)
    top, change = left(bias)
    assert 2.0 < top < 4.5  # smoothed frames and few terms blunt the bias at the top
    assert change < 1.0
    # From hot frames whose barriers are taken as too high; frames with that bias put it right.
    wrong = lowering(TORSIONS[:1], free_energies(angles[:, None], 3.5), 3.0)
    assert left(wrong)[0] < 1.0
    angles = drawn(energy + wrong.energy(TORSIONS[:1], grid[:, None]), 4000, generator)
    top, change = left(lowering(TORSIONS[:1], free_energies(angles[:, None], bias=wrong), 3.0))
    assert 2.0 < top < 4.5
    assert change < 1.0
    told = Bias.of_told(bias.told)
    expected = bias.energy(TORSIONS[:1], grid[:, None])
    np.testing.assert_allclose(told.energy(TORSIONS[:1], grid[:, None]), expected, atol=1e-12)


def test_a_rare_well_is_not_filled():
    """A well 5 kT above the other is not made as deep: the MD would be there most of its time, and weigh nothing."""
    grid = np.linspace(-np.pi, np.pi, 720, endpoint=False)
    energy = 5.0 * (1 - np.cos(2 * grid)) + 2.5 * (1.0 - np.cos(grid))
    angles = drawn(energy / 2, 20_000, np.random.default_rng(0))
    bias = lowering(TORSIONS[:1], free_energies(angles[:, None], 2.0), 3.0)
    added = bias.energy(TORSIONS[:1], np.array([[0.0], [np.pi], [np.pi / 2]]))
    assert added[1] - added[0] == pytest.approx(0.0, abs=0.7)
    assert added[2] - added[0] < -2.0


def energies(system, frames):
    """Potential energies (F,) in kJ/mol."""
    context = openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName("Reference"))
    found = []
    for frame in frames:
        context.setPositions(frame)
        found.append(context.getState(energy=True).getPotentialEnergy().value_in_unit(unit.kilojoule_per_mole))
    return np.array(found)


def test_the_system_has_the_energy_that_frames_are_weighed_by(tmp_path):
    build_to_files(parse_sequence("AS"), "capped", 7.0, tmp_path / "AS.pdb", tmp_path / "AS.json")
    settings = implicit_settings({"temperature": 310.0})
    member = make_member(tmp_path / "AS.pdb", settings)
    topology = mdtraj.Topology.from_openmm(member.topology)
    generator = np.random.default_rng(0)
    frames = member.positions + 0.02 * generator.standard_normal((8, *member.positions.shape))
    torsions, atoms = torsions_of(topology)
    series = generator.standard_normal((len(torsions), 6)) + 1j * generator.standard_normal((len(torsions), 6))
    bias = Bias(torsions, series)
    system = biased_system(member.system, bias, atoms, 310.0)

    added = (energies(system, frames) - energies(member.system, frames)) / (0.00831446 * 310.0)
    wanted = bias.energy(*compute_torsions(mdtraj.Trajectory(frames, topology)))
    assert wanted.std() > 3
    np.testing.assert_allclose(added - added.mean(), wanted - wanted.mean(), atol=2e-3)
    # Runs that are made as one system, on a GPU, have it too.
    first, second = frames[:1], frames[1:2]
    batches = [ApartBatch([replace(member, system=own)] * 2, ["a", "b"]) for own in (system, member.system)]
    both = [energies(one.solvated.system, one.at_sites(np.concatenate([first, second], 1)[0])[None]) for one in batches]
    of_each = sum((energies(system, own) - energies(member.system, own))[0] for own in (first, second))
    assert (both[0] - both[1])[0] == pytest.approx(of_each, abs=0.01)


@pytest.fixture(scope="module")
def lowered():
    """Monte Carlo of two psi, coupled, whose barriers of 8 kT are lowered to 3, and whose helical states are raised by
    about 1 kT, so that the bias is no small thing: runs, their bias, and populations.

    Psi 2 is helical in 80 % where psi 1 is and in 30 % elsewhere; psi 1 in 30 %.
    """
    generator = np.random.default_rng(1)
    bins = 72
    psi = np.linspace(-np.pi, np.pi, bins, endpoint=False) + np.pi / bins
    apart = np.angle(np.exp(1j * (psi - np.radians(-35.0))))  # from the middle of the helical window
    well = 4.0 * (1 - np.cos(2 * apart))
    helical = np.abs(apart) < np.radians(85.0)
    density = np.zeros((bins, bins))
    for first, of_first in ((True, 0.3), (False, 0.7)):
        for second, of_second in ((True, 0.8 if first else 0.3), (False, 0.2 if first else 0.7)):
            part = np.outer(np.exp(-well) * (helical == first), np.exp(-well) * (helical == second))
            density += of_first * of_second * part / part.sum()
    energy = -np.log(density)
    hot = np.stack([drawn(-np.log(density.sum(axis)) / 2, 3000, generator) for axis in (1, 0)], 1)
    own = [torsion for torsion in TORSIONS if torsion.kind == "psi"]
    bias = lowering(own, free_energies(hot, 2.0), 3.0)
    bias.coefficients[:, 0] += 0.3 * np.exp(1j * np.radians(35.0))
    axes = [np.stack([psi, np.full(bins, 0.0)], 1), np.stack([np.full(bins, 0.0), psi], 1)]
    single = [bias.energy(own, axis) - bias.energy(own, np.zeros((1, 2))) for axis in axes]
    runs, biases = [], []
    biased = energy + single[0][:, None] + single[1][None, :]
    walkers = 60
    states = np.stack([generator.choice(np.flatnonzero(helical == (n % 2 == 0)), 2) for n in range(walkers)])
    kept = []
    for step in range(12_000):
        moved = (states + generator.integers(-5, 6, states.shape)) % bins
        change = biased[tuple(states.T)] - biased[tuple(moved.T)]
        taken = generator.random(walkers) < np.exp(np.minimum(change, 0.0))
        states = np.where(taken[:, None], moved, states)
        if step % 30 == 0:
            kept.append(states)
    for walker in np.array(kept).transpose(1, 0, 2):
        angles = np.stack(
            [np.full(len(walker), -1.2), psi[walker[:, 0]], np.full(len(walker), -1.2), psi[walker[:, 1]]]
        )
        runs.append(angles.T)
        biases.append(bias.energy(TORSIONS, runs[-1]))
    return PeptideRuns("AA", TORSIONS, runs, 1.0, biases), {1: 0.3, 2: 0.3 * 0.8 + 0.7 * 0.3}


@pytest.mark.parametrize("joint", [False, True])
def test_populations_are_those_without_the_bias(lowered, joint):
    md, wanted = lowered
    samples = PeptideRuns("AA", TORSIONS, [np.concatenate(md.runs)[::100]], 1.0)  # with wrong shares, and so told
    settings = ResidueSettings(
        lag=20.0, strength=0.5, smallest=0.0, largest=1e6, joint=joint, model_error=dict.fromkeys(STEPS, 2.0)
    )
    results = step_results(md, Pool(20.0), settings, samples)
    weights = np.concatenate(weights_by(md, results, settings))
    biased = step_results(PeptideRuns("AA", TORSIONS, md.runs, 1.0), Pool(20.0), settings, samples)
    for result, without in zip(results, biased, strict=True):
        if result.step != "helical":
            continue
        assert result.population[1] == pytest.approx(wanted[result.place], abs=0.05)
        assert result.low[1] < wanted[result.place] < result.high[1]
        assert result.high[1] - result.low[1] < 0.2
        psi = np.concatenate(md.runs)[:, 2 * result.place - 1]
        inside = (psi > np.radians(-120.0)) & (psi < np.radians(50.0))
        assert np.average(inside, weights=weights) == pytest.approx(result.population[1], abs=0.005)
        assert abs(without.population[1] - wanted[result.place]) > 0.06


def test_no_bias_and_a_bias_of_nothing_say_the_same(lowered):
    md, _ = lowered
    settings = ResidueSettings(lag=20.0, joint=False)
    flat = PeptideRuns("AA", TORSIONS, md.runs, 1.0, [np.zeros(len(run)) for run in md.runs])
    none = PeptideRuns("AA", TORSIONS, md.runs, 1.0)
    for one, other in zip(*(step_results(own, Pool(20.0), settings) for own in (flat, none)), strict=True):
        np.testing.assert_allclose(one.samples, other.samples, atol=5e-3)
        np.testing.assert_allclose(one.population, other.population, atol=1e-2)
