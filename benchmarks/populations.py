"""Which estimator gives right populations from short runs with wrong starts: potentials whose populations are known.

Overdamped Langevin walkers in a double well and a potential of three wells start in wells at wrong shares, and are too
short to cross often. Prints the table of docs/populations.md: root mean square error of the wells' populations, and how
often 95 % intervals cover. Run: python benchmarks/populations.py
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from deeptime.markov.msm import MaximumLikelihoodMSM, OOMReweightedMSM

from jamun.populations.markov import count_transitions, expected_prior, sample_populations

REPEATS, STEP, STEPS_PER_FRAME = 20, 2e-3, 5
WARM_UP = 30  # frames
GRID = np.linspace(-3.5, 3.5, 7001)


@dataclass(frozen=True)
class Potential:
    """One-dimensional, in kT: energy at x (...,), borders (S-1,) and centres (S,) of wells, shares of starts (S,)."""

    name: str
    coefficients: tuple[float, ...]
    borders: tuple[float, ...]
    centres: tuple[float, ...]
    starts: tuple[float, ...]

    def energy(self, x: np.ndarray) -> np.ndarray:
        return np.polynomial.polynomial.polyval(x, self.coefficients)

    def force(self, x: np.ndarray) -> np.ndarray:
        return -np.polynomial.polynomial.polyval(x, np.polynomial.polynomial.polyder(self.coefficients))

    @property
    def populations(self) -> np.ndarray:
        weights = np.exp(-(self.energy(GRID) - self.energy(GRID).min()))
        sums = np.bincount(np.digitize(GRID, self.borders), weights, minlength=len(self.centres))
        return sums / sums.sum()


DOUBLE = Potential("double well", (5.0, 0.6, -10.0, 0.0, 5.0), (0.0,), (-1.0, 1.0), (0.2, 0.8))
# 2.2 x^2 (x^2 - 4)^2 / 4 with a tilt: wells at -2, 0, 2
THREE = Potential(
    "three wells", (0.0, 0.35, 8.8 / 2, 0.0, -4.4 / 2, 0.0, 0.55 / 2), (-1.15, 1.15), (-2.0, 0.0, 2.0), (0.2, 0.2, 0.6)
)


def walk(potential: Potential, walkers: int, frames: int, generator: np.random.Generator) -> np.ndarray:
    """Positions (repeats, walkers, frames): Euler-Maruyama steps, a frame each STEPS_PER_FRAME."""
    wells = generator.choice(len(potential.centres), (REPEATS, walkers), p=potential.starts)
    x = np.array(potential.centres)[wells]
    found = np.empty((REPEATS, walkers, frames))
    for frame in range(frames):
        for _ in range(STEPS_PER_FRAME):
            x = x + STEP * potential.force(x) + np.sqrt(2 * STEP) * generator.standard_normal(x.shape)
        found[:, :, frame] = x
    return found


def fine(x: np.ndarray) -> np.ndarray:
    """30 states of equal width."""
    return np.clip(((x + 2.6) / 5.2 * 30).astype(int), 0, 29)


def _wells(populations: np.ndarray, states: np.ndarray, wells: np.ndarray, n_wells: int) -> np.ndarray:
    """Populations of wells: those of states, spread evenly over the states' frames."""
    shares = np.bincount(states, minlength=len(populations)) / len(states)
    ratio = np.divide(populations, shares, out=np.zeros_like(shares), where=shares > 0)
    sums = np.bincount(wells, ratio[states], minlength=n_wells)
    return sums / sums.sum()


def average(states: list[np.ndarray], wells: np.ndarray, n: int, lag: int) -> np.ndarray:
    return np.bincount(wells, minlength=n) / len(wells)


def plain(states: list[np.ndarray], wells: np.ndarray, n: int, lag: int) -> np.ndarray:
    counts = count_transitions(states, 30, lag)
    kept = np.flatnonzero(counts.sum(0) * counts.sum(1) > 0)
    model = MaximumLikelihoodMSM(reversible=True, use_lcc=True).fit_fetch(counts[np.ix_(kept, kept)])
    populations = np.zeros(30)
    populations[kept[model.count_model.state_symbols]] = model.stationary_distribution
    return _wells(populations, np.concatenate(states), wells, n)


def weighted_starts(states: list[np.ndarray], wells: np.ndarray, n: int, lag: int) -> np.ndarray:
    """Wan and Voelz (2020): each run counts by the population of its first state over that state's share."""
    first = np.array([run[0] for run in states])
    weights = np.ones(len(states))
    shares = np.bincount(first, minlength=30) / len(first)
    for _ in range(5):
        counts = sum(weight * count_transitions([run], 30, lag) for weight, run in zip(weights, states, strict=True))
        counts = counts + 1e-3 * np.eye(30)
        kept = np.flatnonzero(counts.sum(0) > 1e-2)
        model = MaximumLikelihoodMSM(reversible=True, use_lcc=True).fit_fetch(counts[np.ix_(kept, kept)])
        populations = np.zeros(30)
        populations[kept[model.count_model.state_symbols]] = model.stationary_distribution
        weights = populations[first] / shares[first]
        weights = np.clip(weights / weights.mean(), 0.05, 20)
    return _wells(populations, np.concatenate(states), wells, n)


def oom(states: list[np.ndarray], wells: np.ndarray, n: int, lag: int) -> np.ndarray:
    try:
        model = OOMReweightedMSM(lagtime=lag, nbs=500).fit_fetch([run.astype(np.int32) for run in states])
        populations = np.zeros(30)
        populations[model.count_model.state_symbols] = model.stationary_distribution
    except Exception:  # whatever its linear algebra raises on so few counts; the table tells how often it failed
        return np.full(n, np.nan)
    return _wells(populations, np.concatenate(states), wells, n)


def iterated(x: np.ndarray, wells: np.ndarray, n: int, lag: int, generator: np.random.Generator) -> np.ndarray:
    """RiteWeight's idea: weights of frames, made anew with random states each time, averaged over the later half."""
    flat = x.ravel()
    first = np.concatenate([np.arange(row * x.shape[1], (row + 1) * x.shape[1] - lag) for row in range(len(x))])
    weights, kept = np.ones(len(flat)), np.zeros(len(flat))
    for turn in range(30):
        centres = np.sort(generator.choice(flat, 12, replace=False))
        states = np.digitize(flat, (centres[1:] + centres[:-1]) / 2)
        counts = np.zeros((12, 12))
        np.add.at(counts, (states[first], states[first + lag]), weights[first])
        counts += 1e-6
        chances = counts / counts.sum(1, keepdims=True)
        values, vectors = np.linalg.eig(chances.T)
        stationary = np.abs(vectors[:, values.real.argmax()].real)
        shares = np.bincount(states, weights, minlength=12)
        weights = weights * (stationary / stationary.sum() / np.maximum(shares / shares.sum(), 1e-9))[states]
        weights /= weights.mean()
        if turn >= 15:
            kept += weights
    sums = np.bincount(wells, kept, minlength=n)
    return sums / sums.sum()


def ours(x: np.ndarray, potential: Potential, lag: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Reversible model of the wells with the prior of what was expected: populations and 95 % intervals."""
    n = len(potential.centres)
    runs = [np.digitize(run, potential.borders) for run in x]
    counts = count_transitions(runs, n, lag)
    posterior = sample_populations(counts, expected_prior(counts, np.array(potential.starts), 0.5), 200, 0)
    low, high = np.percentile(posterior.samples, [2.5, 97.5], axis=0)
    return posterior.best, low, high


def main() -> None:
    warnings.filterwarnings("ignore")
    print(
        "| potential | runs | lag | plain average | MSM, 30 states | Wan and Voelz | OOM | RiteWeight-like | "
        "wells, prior | covers |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for potential in (DOUBLE, THREE):
        for walkers, frames, lag in ((40, 200, 5), (40, 200, 20), (160, 200, 20), (20, 1000, 20)):
            generator = np.random.default_rng(1)
            # the first frames, in which walkers leave the bottoms of their wells, are left out
            x = walk(potential, walkers, frames + WARM_UP, generator)[:, :, WARM_UP:]
            truth, n = potential.populations, len(potential.centres)
            errors: dict[str, list[np.ndarray]] = {
                name: [] for name in ("average", "plain", "wv", "oom", "rite", "ours")
            }
            covered = []
            for own in x:
                states = [fine(run) for run in own]
                wells = np.digitize(own.ravel(), potential.borders)
                errors["average"].append(average(states, wells, n, lag) - truth)
                errors["plain"].append(plain(states, wells, n, lag) - truth)
                errors["wv"].append(weighted_starts(states, wells, n, lag) - truth)
                errors["rite"].append(iterated(own, wells, n, lag, generator) - truth)
                if len(errors["oom"]) < 10:
                    errors["oom"].append(oom(states, wells, n, lag) - truth)
                best, low, high = ours(own, potential, lag)
                errors["ours"].append(best - truth)
                covered.append((low <= truth) & (truth <= high))
            cells = []
            for found in errors.values():
                values = np.array(found)
                failed = np.isnan(values).any(1)
                cells.append(
                    f"{np.sqrt(np.square(values[~failed]).mean()):.3f}"
                    + (f" ({failed.sum()} fail)" if failed.any() else "")
                )
            print(
                f"| {potential.name} | {walkers} x {frames} | {lag} | "
                + " | ".join(cells)
                + f" | {100 * np.mean(covered):.0f} % |",
                flush=True,
            )


if __name__ == "__main__":
    main()
