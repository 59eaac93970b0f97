"""The walk against densities whose score is known exactly."""

import math
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from in_memory import walk_jump

from jamun.config.sampling import ESTIMATES_ENDS, SamplingSettings
from jamun.sampling.annealing import Annealing, annealed_denoising
from jamun.sampling.integrators import INTEGRATORS, Langevin
from jamun.sampling.noise import ChainNoise
from jamun.sampling.walk import Chains, Dynamics, Walk, corrector_draws, walk_at


def gaussian(variance, sigma):
    """xhat of X ~ N(0, variance) (any shape) seen through noise sigma: the posterior mean."""
    return lambda y: y * variance / (variance + sigma**2)


def collect(denoise, start, sigma, settings, steps, seed=1, **options):
    jumps = islice(walk_jump(denoise, start, sigma, settings, seed, **options), steps)
    return torch.stack([jump.samples.clone() for jump in jumps])


def test_baoab_is_exact_for_a_harmonic_well():
    # X always at the origin: Y ~ N(0, sigma^2), a harmonic well of frequency 1/sigma, in which dt = sigma is a whole
    # unit of time. BAOAB's configurational variance is exact at any stable step (Leimkuhler and Matthews 2013).
    sigma, chains = 0.04, 1000
    langevin = Langevin.from_settings(SamplingSettings(integrator="BAOAB", step=1.0), sigma)
    noise = ChainNoise(1, range(chains), 4, torch.float64, torch.device("cpu"))
    start = torch.zeros(chains, 4, 3, dtype=torch.float64)
    walk = Walk.begin(Dynamics(torch.zeros_like, sigma, langevin, remove_translation=False), noise, start)
    visited = []
    for step in range(300):
        walk.step()
        if step >= 50:
            visited.append(walk.state.y)
    visited = torch.stack(visited)
    assert visited.var().item() == pytest.approx(sigma**2, rel=0.01)
    assert visited.mean().item() == pytest.approx(0, abs=0.01 * sigma)


@pytest.mark.parametrize(("step", "convention"), [(1.0, "per_step"), (2.5, "per_step"), (1.0, "gamma")])
def test_samples_of_a_gaussian_have_the_variance_of_its_posterior_mean(step, convention):
    # X ~ N(0, s^2): xhat = y s^2 / (s^2 + sigma^2), so var(xhat) = s^4 / (s^2 + sigma^2), whatever step and friction.
    sigma, variance = 0.04, 3 * 0.04**2
    friction = 1.0 if convention == "per_step" else 1 / sigma
    settings = SamplingSettings(
        samples=1000, chains=1000, step=step, friction=friction, friction_convention=convention, burn_in=100
    )
    start = torch.zeros(4, 3, dtype=torch.float64)
    samples = collect(gaussian(variance, sigma), start, sigma, settings, 300, remove_translation=False)
    expected = variance**2 / (variance + sigma**2)
    assert samples.var().item() == pytest.approx(expected, rel=0.01)
    assert samples.mean().item() == pytest.approx(0, abs=0.01 * math.sqrt(expected))


def test_aboba_has_its_known_error_for_a_harmonic_well():
    # Samples are taken where the score is evaluated, in the middle of the step. There the stationary variance of the
    # linear recursion is that of the well over 1 - (omega dt)^2 / 4, whatever the friction.
    sigma, variance = 0.04, 0.0048
    settings = SamplingSettings(samples=1000, chains=1000, integrator="ABOBA", step=1.5, burn_in=100)
    start = torch.zeros(4, 3, dtype=torch.float64)
    samples = collect(gaussian(variance, sigma), start, sigma, settings, 600, remove_translation=False)
    omega_dt_squared = (1.5 * sigma) ** 2 / (variance + sigma**2)
    expected = variance**2 / (variance + sigma**2) / (1 - omega_dt_squared / 4)
    assert samples.var().item() == pytest.approx(expected, rel=0.01)


def test_translation_is_removed_and_leaves_the_rest_exact():
    sigma, variance = 0.04, 0.01
    settings = SamplingSettings(samples=1000, chains=1000, burn_in=100)
    start = torch.zeros(5, 3, dtype=torch.float64)
    samples = collect(gaussian(variance, sigma), start, sigma, settings, 200)
    assert samples.mean(-2).abs().max() < 1e-12
    # Centring 5 independent atoms leaves 4/5 of the variance.
    assert samples.var().item() == pytest.approx(0.8 * variance**2 / (variance + sigma**2), rel=0.02)


class Mixture:
    """X is one of `means` (modes, dimensions) with `weights`, broadened by `width`; exact xhat(y)."""

    def __init__(self, means, weights, width, sigma):
        self.means, self.weights, self.width, self.sigma = means, weights, width, sigma

    def __call__(self, y):
        flat = y.flatten(1)
        total = self.width**2 + self.sigma**2
        logits = self.weights.log() - (flat[:, None] - self.means[None]).square().sum(-1) / (2 * total)
        gain = self.width**2 / total
        posterior = self.means[None] + gain * (flat[:, None] - self.means[None])
        return (logits.softmax(-1)[..., None] * posterior).sum(1).view_as(y)


def test_a_mixture_keeps_its_weights_and_moments():
    # Three modes in the plane of one atom (z is a third, Gaussian dimension), apart by a few sigma.
    sigma, width = 0.04, 0.02
    means = torch.tensor([[0.0, 0.0, 0.0], [0.12, 0.0, 0.0], [0.05, 0.11, 0.0]], dtype=torch.float64)
    weights = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    mixture = Mixture(means, weights, width, sigma)
    settings = SamplingSettings(samples=500, chains=500, burn_in=300, stride=5)
    samples = collect(
        mixture, torch.zeros(1, 3, dtype=torch.float64), sigma, settings, 400, remove_translation=False
    ).squeeze(2)
    # The jump returns E[X | y], whose mean over p_Y is E[X] whatever the shape; chains are independent.
    chain_means = samples.mean(0)
    error = chain_means.std(0) / math.sqrt(settings.chains)
    assert ((chain_means.mean(0) - weights @ means).abs() < 3 * error).all()
    # E[posterior weight of a mode] = its weight; recovered from the samples by linearity is not possible, so count the
    # nearest mode and compare with the same count on exact draws of y.
    generator = torch.Generator().manual_seed(5)
    picks = torch.multinomial(weights, 200_000, replacement=True, generator=generator)
    noise = torch.randn(200_000, 3, generator=generator, dtype=torch.float64)
    exact = mixture((means[picks] + math.sqrt(width**2 + sigma**2) * noise)[:, None]).squeeze(1)

    def shares(x):
        return torch.nn.functional.one_hot(torch.cdist(x, means).argmin(-1), 3).double()

    by_chain = torch.stack([shares(samples[:, chain]).mean(0) for chain in range(settings.chains)])
    error = by_chain.std(0) / math.sqrt(settings.chains)
    assert ((by_chain.mean(0) - shares(exact).mean(0)).abs() < 3 * error + 0.003).all()


def test_ten_atom_gaussian_chain():
    # Atoms joined by springs: X ~ N(0, K^+), K the chain's Laplacian over b^2; xhat = (K + 1/sigma^2)^-1 y/sigma^2.
    sigma, bond, atoms = 0.04, 0.1, 10
    laplacian = torch.diag(torch.tensor([1.0] + [2.0] * (atoms - 2) + [1.0], dtype=torch.float64))
    laplacian -= torch.diag(torch.ones(atoms - 1, dtype=torch.float64), 1) + torch.diag(
        torch.ones(atoms - 1, dtype=torch.float64), -1
    )
    stiffness = laplacian / bond**2
    shrink = torch.linalg.inv(torch.eye(atoms, dtype=torch.float64) + sigma**2 * stiffness)
    start = torch.zeros(atoms, 3, dtype=torch.float64)
    start[:, 0] = bond * torch.arange(atoms)
    # The slowest mode relaxes over about (b N / pi sigma)^2 = 63 steps: burn in for many of those, sample rarely.
    settings = SamplingSettings(samples=400, chains=400, burn_in=600, stride=25)
    samples = collect(lambda y: shrink @ y, start, sigma, settings, 60)
    # var(xhat) = shrink cov(Y) shrink, with cov(Y) = pinv(K) + sigma^2 off the translation.
    centre = torch.eye(atoms, dtype=torch.float64) - 1.0 / atoms
    noisy = torch.linalg.pinv(stiffness) + sigma**2 * centre
    covariance = shrink @ noisy @ shrink
    ends = (samples[..., -1, :] - samples[..., 0, :]).square().mean(-1)  # (jumps, chains), one Cartesian component
    expected = covariance[0, 0] + covariance[-1, -1] - 2 * covariance[0, -1]
    by_chain = ends.mean(0)
    error = by_chain.std() / math.sqrt(settings.chains)
    assert abs(by_chain.mean() - expected) < 3 * error


def test_one_evaluation_a_step():
    calls = []

    def denoise(y):
        calls.append(1)
        return 0.5 * y

    for integrator, extra in (("BAOAB", 1), ("ABOBA", 0)):
        calls.clear()
        settings = SamplingSettings(samples=10, chains=2, integrator=integrator)
        *_, jump = islice(walk_jump(denoise, torch.zeros(3, 3), 0.04, settings, 1), 50)
        assert len(calls) == jump.evaluations == 50 + extra


def test_a_chain_does_not_depend_on_the_others():
    settings = SamplingSettings(samples=10, chains=7)
    few = SamplingSettings(samples=10, chains=3)
    start = torch.randn(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 0.2
    many_chains = collect(gaussian(0.01, 0.04), start, 0.04, settings, 300)
    few_chains = collect(gaussian(0.01, 0.04), start, 0.04, few, 300)
    torch.testing.assert_close(many_chains[:, :3], few_chains, rtol=1e-12, atol=1e-14)
    other = collect(gaussian(0.01, 0.04), start, 0.04, few, 300, seed=2)
    assert (other - few_chains).abs().max() > 0.01


def test_noise_is_standard_normal():
    noise = ChainNoise(3, range(4), 5, torch.float64, torch.device("cpu"))
    numbers = torch.stack([noise() for _ in range(600)])
    assert abs(numbers.mean()) < 4 / math.sqrt(numbers.numel())
    assert abs(numbers.var() - 1) < 4 * math.sqrt(2 / numbers.numel())
    assert numbers.flatten().unique().numel() == numbers.numel()


def test_friction_conventions():
    per_step = Langevin.from_settings(SamplingSettings(friction=0.7, step=2.0), 0.04)
    assert per_step.keep == pytest.approx(math.exp(-0.7))
    assert per_step.dt == pytest.approx(0.08)
    gamma = Langevin.from_settings(SamplingSettings(friction=0.7, step=2.0, friction_convention="gamma"), 0.04)
    assert gamma.keep == pytest.approx(math.exp(-0.7 * 0.08))


def test_exploding_and_nan_chains_stop_and_leave_the_others_alone():
    clean = gaussian(0.01, 0.04)

    def poisoned(y):
        out = clean(y)
        poisoned.calls += 1
        if poisoned.calls >= 20:
            out[1] = float("nan")
        if poisoned.calls >= 30:
            out[3] = out[3] * 1e6
        return out

    poisoned.calls = 0
    settings = SamplingSettings(samples=10, chains=5)
    start = torch.randn(6, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) * 0.2
    jumps = list(islice(walk_jump(poisoned, start, 0.04, settings, 1), 60))
    assert [int(jump.alive.sum()) for jump in jumps[:18]] == [5] * 18
    assert jumps[25].alive.tolist() == [True, False, True, True, True]
    assert jumps[-1].alive.tolist() == [True, False, True, False, True]
    expected = collect(clean, start, 0.04, settings, 60)
    for chain in (0, 2, 4):
        np.testing.assert_allclose(jumps[-1].samples[chain], expected[-1, chain], atol=1e-12)


@pytest.mark.parametrize("beta", [0.5, 2.0, 4.0])
def test_inverse_temperature_narrows_the_walk(beta):
    # p_Y^beta of Y ~ N(0, s^2 + sigma^2) has the variance (s^2 + sigma^2) / beta, here seen through xhat's gain.
    sigma, variance = 0.04, 3 * 0.04**2
    settings = SamplingSettings(samples=1000, chains=1000, inverse_temperature=beta, burn_in=100)
    start = torch.zeros(4, 3, dtype=torch.float64)
    samples = collect(gaussian(variance, sigma), start, sigma, settings, 300, remove_translation=False)
    gain = variance / (variance + sigma**2)
    assert samples.var().item() == pytest.approx(gain**2 * (variance + sigma**2) / beta, rel=0.01)


def test_without_inverse_temperature_the_walk_is_free():
    # Velocities keep their distribution and nothing pulls back: the variance grows with the number of steps.
    settings = SamplingSettings(samples=500, chains=500, inverse_temperature=0.0)
    start = torch.zeros(4, 3, dtype=torch.float64)
    samples = collect(gaussian(0.01, 0.04), start, 0.04, settings, 400, remove_translation=False)
    assert samples[-1].var() > 1.8 * samples[199].var()


def test_a_wall_leaves_the_density_before_it_as_it_is():
    # X ~ N(0, s^2) with a wall at x = 0 for one coordinate: Y is half of a normal distribution there, and as without a
    # wall in all others. The steps are short, so that their error is none.
    sigma, variance = 0.04, 3 * 0.04**2
    settings = SamplingSettings(samples=4000, chains=4000, step=0.5, friction=0.5, burn_in=100)
    start = torch.full((2, 3), 0.05, dtype=torch.float64)
    samples = collect(
        gaussian(variance, sigma),
        start,
        sigma,
        settings,
        300,
        remove_translation=False,
        allowed=lambda xhat: xhat[:, 0, 0] > 0,
    )
    width = variance / math.sqrt(variance + sigma**2)
    behind, free = samples[..., 0, 0], samples[..., 1, :]
    assert (behind > 0).all()
    assert behind.mean().item() == pytest.approx(math.sqrt(2 / math.pi) * width, rel=0.02)
    assert behind.square().mean().item() == pytest.approx(width**2, rel=0.04)
    assert free.var().item() == pytest.approx(width**2, rel=0.03)
    assert free.mean().item() == pytest.approx(0, abs=0.02 * width)


def test_chains_whose_steps_are_rejected_are_where_they_were():
    chains = torch.arange(6)
    start, sigma = torch.zeros(2, 3, dtype=torch.float64), 0.04
    settings = SamplingSettings(samples=6, chains=6)
    noise = ChainNoise(1, chains.tolist(), 2, torch.float64, torch.device("cpu"))
    answer = torch.ones(6, dtype=torch.bool)
    dynamics = Dynamics.from_settings(torch.zeros_like, sigma, settings, allowed=lambda xhat: answer)
    walk = Chains(dynamics, noise, start.expand(6, 2, 3))
    assert not walk.step().any()
    before = walk.walk.state
    answer = chains % 2 == 0
    assert torch.equal(walk.step(), ~answer)
    after = walk.walk.state
    for name in ("y", "force", "xhat"):
        then, now = getattr(before, name), getattr(after, name)
        assert torch.equal(then[1::2], now[1::2])
    assert torch.equal(before.v[1::2], -after.v[1::2])
    assert (before.y[::2] != after.y[::2]).any(-1).all()


def test_a_chain_that_begins_beyond_the_wall_goes_to_its_start():
    start = torch.linspace(0, 1, 18, dtype=torch.float64).reshape(3, 2, 3)
    noise = ChainNoise(1, range(3), 2, torch.float64, torch.device("cpu"))
    answers = iter(torch.tensor([[False, True, False], [False, False, True], [True, True, False]]))
    settings = SamplingSettings(samples=3, chains=3)
    walk = Chains(
        Dynamics.from_settings(torch.zeros_like, 0.04, settings, allowed=lambda xhat: next(answers)), noise, start
    )
    at_start = [[True, False, True], [True, False, False], [False, False, False]]
    origin = start - start.mean(1, keepdim=True)
    rejected = [[False, False, False], [False, True, False], [False, False, True]]
    for expected, steps in zip(at_start, rejected, strict=True):
        assert walk.step().tolist() == steps
        assert ((walk.walk.state.y - origin).abs().amax((1, 2)) < 1e-12).tolist() == expected
    assert walk.entered.all()


def test_the_score_is_clipped_by_atom():
    sigma = 0.04
    langevin = Langevin.from_settings(SamplingSettings(score_clip=2.0, inverse_temperature=3.0), sigma)
    score = torch.tensor([[[10.0, 0.0, 0.0], [300.0, -400.0, 0.0], [0.0, 0.0, 0.0]]], dtype=torch.float64)
    force = langevin.force(score)
    torch.testing.assert_close(force[0, 0], 3 * score[0, 0])
    torch.testing.assert_close(force[0, 1], 3 * 50.0 * score[0, 1] / 500.0)  # 2 / sigma is 50 1/nm
    assert (force[0, 2] == 0).all()
    assert langevin.force(score * float("nan")).isnan().all()
    assert torch.equal(Langevin.from_settings(SamplingSettings(), sigma).force(score), score)


def test_a_clipped_walk_is_bounded():
    # A denoiser that throws each atom 100 sigma away at every step: velocities of the walk are those of the clip.
    sigma, clip = 0.04, 1.5
    direction = torch.zeros(5, 3, dtype=torch.float64)
    direction[::2, 0], direction[1::2, 0] = 1.0, -1.0
    settings = SamplingSettings(samples=3, chains=3, score_clip=clip)
    noise = ChainNoise(1, range(3), 5, torch.float64, torch.device("cpu"))
    dynamics = Dynamics.from_settings(lambda y: y + 100 * sigma * direction, sigma, settings)
    walk = Walk.begin(dynamics, noise, torch.zeros(3, 5, 3, dtype=torch.float64))
    for _ in range(20):
        walk.step()
        torch.testing.assert_close(walk.state.force.norm(dim=-1), torch.full((3, 5), clip / sigma, dtype=torch.float64))


def test_numbers_are_found_by_counting():
    def made(chains, drawn=None):
        return ChainNoise(7, chains, 4, torch.float64, torch.device("cpu"), drawn)

    whole = made(range(5))
    numbers = torch.stack([whole() for _ in range(100)])
    # Chains 3 and 1, from after draws that lie in other blocks and other places of them.
    later = made([3, 1], np.array([40, 61]))
    for step in range(39):
        both = later()
        assert torch.equal(both[0], numbers[40 + step, 3])
        assert torch.equal(both[1], numbers[61 + step, 1])


def descend(denoise, y, xhat, sigma, levels, order=1, **options):
    """Annealed denoising through these levels."""
    return annealed_denoising(denoise, y, xhat, sigma, Annealing(levels, order, **options))


def test_descending_a_gaussian():
    # xhat(y; s) = y A / (A + s^2): one step from s to t maps xhat and y to y (A + s t) / (A + s^2), by hand.
    variance, sigma, low = 0.01, 0.04, 0.01
    y = torch.randn(3, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def denoise(y, level):
        calls.append(level)
        return gaussian(variance, level)(y)

    calls = []
    xhat = gaussian(variance, sigma)(y)
    assert descend(denoise, y, xhat, sigma, []) is xhat
    expected = y * (variance + sigma * low) / (variance + sigma**2) * variance / (variance + low**2)
    torch.testing.assert_close(descend(denoise, y, xhat, sigma, [low], remove_translation=False), expected)
    assert calls == [low]
    # Many levels: the flow keeps y / sqrt(A + s^2), so that samples have the variance of X itself.
    levels = list(np.geomspace(sigma, 1e-4, 2001)[1:])
    exact = y * math.sqrt(variance / (variance + sigma**2))
    torch.testing.assert_close(
        descend(denoise, y, xhat, sigma, levels, remove_translation=False), exact, rtol=1e-3, atol=0
    )
    assert descend(denoise, y, xhat, sigma, [low]).mean(-2).abs().max() < 1e-15


def test_order_of_the_descent():
    # Of a Gaussian the flow is known: y / sqrt(A + s^2) stays. Steps half as long, in ln s, leave half of the error of
    # Euler's steps, a quarter of the second order's, whose first step is Euler's.
    variance, sigma, low = 0.01, 0.3, 0.03
    y = torch.randn(3, 4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def denoise(y, level):
        return gaussian(variance, level)(y)

    def error(order, steps):
        levels = list(np.geomspace(sigma, low, steps + 1)[1:])
        found = descend(denoise, y, denoise(y, sigma), sigma, levels, order, remove_translation=False)
        exact = denoise(y * math.sqrt((variance + low**2) / (variance + sigma**2)), low)
        return float((found - exact).norm() / exact.norm())

    assert error(1, 200) / error(1, 400) == pytest.approx(2, rel=0.02)
    assert error(2, 200) / error(2, 400) == pytest.approx(4, rel=0.05)
    assert error(2, 12) < 0.2 * error(1, 12)
    assert error(2, 1) == error(1, 1)


def _near(x, distance):
    """Share of x (chains, 1, 3) whose first coordinate is within 0.05 nm of `distance` on either side."""
    return float(((x[:, 0, 0].abs() - distance).abs() < 0.05).double().mean())


def test_descent_from_where_modes_merge_keeps_their_shares():
    # Structures of two kinds, far apart for the walk's usual noise: from a level where both overlap, the flow shares
    # the samples out as X does.
    generator = torch.Generator().manual_seed(1)
    chains, share, width = 20000, 0.3, 0.02
    centres = torch.tensor([[-0.15, 0.0, 0.0], [0.15, 0.0, 0.0]], dtype=torch.float64)
    shares = torch.tensor([share, 1 - share], dtype=torch.float64)

    def denoise(y, level):
        # E[X | y] of two Gaussians: shares by their likelihoods, each with its own mean.
        total = width**2 + level**2
        exponent = shares.log() - (y[:, :, None] - centres).square().sum((1, 3)) / (2 * total)
        means = centres + width**2 / total * (y[:, :, None] - centres)
        return (torch.softmax(exponent, -1)[:, None, :, None] * means).sum(2)

    first = torch.rand(chains, generator=generator) < share
    x = centres[(~first).long()][:, None]
    x = x + width * torch.randn(x.shape, generator=generator, dtype=torch.float64)
    sigma, levels = 0.3, list(np.geomspace(0.3, 0.01, 13)[1:])
    y = x + sigma * torch.randn(x.shape, generator=generator, dtype=torch.float64)
    samples = descend(denoise, y, denoise(y, sigma), sigma, levels, order=2, remove_translation=False)
    found = float((samples[:, 0, 0] < 0).double().mean())
    # Three standard errors of the draws.
    assert found == pytest.approx(share, abs=3 * math.sqrt(share * (1 - share) / chains))
    # They are structures of one kind or the other; those of a jump at once, for the most part, are in between.
    assert _near(samples, 0.15) > 0.97
    assert _near(denoise(y, sigma), 0.15) < 0.5


def _normal(chains, variance, seed):
    generator = torch.Generator().manual_seed(seed)
    return math.sqrt(variance) * torch.randn(chains, 4, 3, generator=generator, dtype=torch.float64)


def _corrector(denoise, settings, chains, drawn=None, **options):
    """What the sampler hands to annealed denoising, for densities that are not invariant under translation."""
    noise = ChainNoise(1, range(chains), 4, torch.float64, torch.device("cpu"))

    def correct(y, xhat, level, steps):
        dynamics = Dynamics.from_settings(lambda at: denoise(at, level), level, settings)
        dynamics = replace(dynamics, remove_translation=False, **options)
        found = walk_at(dynamics, y, xhat, steps, noise)
        if drawn is not None:
            drawn.extend(noise._drawn.tolist())
        return found

    return correct


def test_a_corrector_mends_what_a_large_step_down_got_wrong():
    # X ~ N(0, A): Euler's step from s to t leaves y with (A + s t)^2 / (A + s^2), here 0.6 of A + t^2, which is right.
    variance, sigma, low, chains = 0.03**2, 0.3, 0.03, 4000

    def denoise(y, level):
        return gaussian(variance, level)(y)

    y = _normal(chains, variance + sigma**2, 2)
    plain = descend(denoise, y, denoise(y, sigma), sigma, [low], remove_translation=False)
    right = variance**2 / (variance + low**2)
    assert plain.var().item() == pytest.approx(0.6 * right, rel=0.03)
    settings, drawn = SamplingSettings(sigma=sigma, jump_sigmas=[low], corrector_steps=[12]), []
    options = {"remove_translation": False, "correct": _corrector(denoise, settings, chains, drawn)}
    mended = descend(denoise, y, denoise(y, sigma), sigma, [low], corrector_steps=[12], **options)
    assert mended.var().item() == pytest.approx(right, rel=0.03)
    assert set(drawn) == {corrector_draws(settings)}
    # What is right stays so, and where no steps are asked for nothing changes.
    y = _normal(chains, variance + low**2, 3)
    kept, _ = _corrector(denoise, settings, chains)(y, denoise(y, low), low, 5)
    assert kept.var().item() == pytest.approx(variance + low**2, rel=0.03)
    levels, steps = [0.1, low], [0, 0]
    untouched = descend(denoise, y, denoise(y, sigma), sigma, levels, corrector_steps=steps, **options)
    assert torch.equal(untouched, descend(denoise, y, denoise(y, sigma), sigma, levels, remove_translation=False))


def test_a_corrector_stays_before_the_wall():
    variance, level, chains = 3 * 0.04**2, 0.04, 4000
    y = _normal(chains, variance + level**2, 4)

    def denoise(y, level):
        return gaussian(variance, level)(y)

    settings = SamplingSettings(jump_sigmas=[0.03], corrector_steps=[20])
    correct = _corrector(denoise, settings, chains, allowed=lambda xhat: xhat[:, 0, 0] > 0)
    after, xhat = correct(y, denoise(y, level), level, 20)
    torch.testing.assert_close(xhat, denoise(after, level))
    before, ahead = y[:, 0, 0] > 0, after[:, 0, 0] > 0
    assert ahead[before].all()
    # Those that began beyond it may come over, and half of the normal distribution is what fills up.
    assert ahead[~before].double().mean() > 0.5
    assert after[before][:, 0, 0].square().mean().item() == pytest.approx(variance + level**2, rel=0.1)
    assert (after[before] != y[before]).any((1, 2)).double().mean() > 0.99


def test_what_the_settings_say_of_integrators_is_so():
    assert {name: integrator.estimates_ends for name, integrator in INTEGRATORS.items()} == ESTIMATES_ENDS


class Drift:
    """An integrator of another kind: positions go down the force, without velocities (Euler and Maruyama)."""

    estimates_ends = False

    def step(self, state, langevin, evaluate, noise):
        here = evaluate(state.y)
        dt = 0.2 * langevin.dt**2
        y = state.y + dt * here.force + math.sqrt(2 * dt) * noise()
        return state._replace(y=y, xhat=here.xhat), here.y


def test_another_integrator_plugs_in(monkeypatch):
    monkeypatch.setitem(INTEGRATORS, "ABOBA", Drift())
    sigma, variance = 0.04, 3 * 0.04**2
    settings = SamplingSettings(samples=1000, chains=1000, integrator="ABOBA", burn_in=100)
    start = torch.zeros(4, 3, dtype=torch.float64)
    samples = collect(gaussian(variance, sigma), start, sigma, settings, 300, remove_translation=False)
    # The linear recursion y -> (1 - k) y + noise has the variance of the well over 1 - k / 2, k = dt / var(Y).
    k = 0.2 * sigma**2 / (variance + sigma**2)
    assert samples.var().item() == pytest.approx(variance**2 / (variance + sigma**2) / (1 - k / 2), rel=0.01)
