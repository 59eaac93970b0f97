"""Histograms of an ensemble's torsions and phi, psi pairs, and distances between them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from jamun.config.evaluation import EvaluationSettings
from jamun.evaluation.bootstrap import REFERENCE_SEED, SAMPLES_SEED, block_weights, blocks_of_chains, centred
from jamun.evaluation.js import histograms, js_distance, pair_histograms
from jamun.evaluation.pair import Ensemble
from jamun.peptides.torsions import Torsion

GROUPS = ("backbone", "side_chain", "all", "ramachandran")


@dataclass(frozen=True)
class Counts:
    """Histograms of a set of frames, whose weights they count.

    torsions: (..., K, bins).
    pairs: (..., P, bins, bins) of phi and psi.
    """

    torsions: np.ndarray
    pairs: np.ndarray

    def total(self) -> "Counts":
        """Sums over blocks (first axis)."""
        return Counts(self.torsions.sum(0), self.pairs.sum(0))

    def resampled(self, seed: int) -> "Counts":
        """Sums over blocks (first axis) that are drawn with replacement: a leading axis of resamples."""
        weights = block_weights(len(self.torsions), seed)
        return Counts(np.tensordot(weights, self.torsions, 1), np.tensordot(weights, self.pairs, 1))


@dataclass(frozen=True)
class Binning:
    """How angles become histograms.

    torsions: the K torsions.
    pairs: (P, 2) columns of phi and psi.
    torsion_bins: bins of a torsion on (-pi, pi).
    pair_bins: bins along phi and along psi.
    """

    torsions: list[Torsion]
    pairs: np.ndarray
    torsion_bins: int
    pair_bins: int

    @classmethod
    def of(cls, ensemble: Ensemble, settings: EvaluationSettings) -> "Binning":
        """That of the settings, for an ensemble's torsions."""
        return cls(ensemble.torsions, ensemble.pairs, settings.torsion_bins, settings.ramachandran_bins)

    def edges(self) -> dict[str, np.ndarray]:
        """Edges of the bins, radians."""
        sizes = {"torsion": self.torsion_bins, "ramachandran": self.pair_bins}
        return {f"{name}_edges": np.linspace(-np.pi, np.pi, bins + 1) for name, bins in sizes.items()}

    def count(self, ensemble: Ensemble) -> Counts:
        """Histograms of all frames."""
        angles, weights = ensemble.angles, ensemble.weights
        return Counts(
            histograms(angles, self.torsion_bins, weights),
            pair_histograms(angles, self.pairs, self.pair_bins, weights),
        )

    def count_blocks(self, ensemble: Ensemble) -> Counts:
        """Histograms by block of the bootstrap: a leading axis of blocks."""
        blocks = blocks_of_chains(ensemble.chains)
        parts = [self.count(ensemble.chosen(blocks == block)) for block in range(blocks.max() + 1)]
        return Counts(np.stack([part.torsions for part in parts]), np.stack([part.pairs for part in parts]))

    def distances(self, first: Counts, second: Counts) -> dict[str, np.ndarray]:
        """JS of each torsion (..., K) and pair (..., P)."""
        return {
            "torsions": js_distance(first.torsions, second.torsions),
            "pairs": js_distance(first.pairs, second.pairs, dims=2),
        }

    def _members(self, group: str) -> list[int]:
        """The torsions of a group."""
        return [k for k, torsion in enumerate(self.torsions) if torsion.is_in(group)]

    def means(self, distances: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Means (...) over groups of torsions, by group; NaN for a group without members."""
        chosen = {group: distances["torsions"][..., self._members(group)] for group in GROUPS[:-1]}
        chosen["ramachandran"] = distances["pairs"]
        return {
            group: values.mean(-1) if values.shape[-1] else np.full(values.shape[:-1], np.nan)
            for group, values in chosen.items()
        }

    def _compared(self, first: Counts, second: Counts) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Distances of two sets of frames, both counted by block, and those of their resamples."""
        resampled = first.resampled(SAMPLES_SEED), second.resampled(REFERENCE_SEED)
        return self.distances(first.total(), second.total()), self.distances(*resampled)

    def estimated_means(self, first: Counts, second: Counts) -> dict[str, Any]:
        """Mean distances of two sets of frames, both counted by block, with their intervals, by group."""
        return self._estimated_means(*self._compared(first, second))

    def _estimated_means(self, distances: dict[str, np.ndarray], of_resamples: dict[str, np.ndarray]) -> dict[str, Any]:
        value, resampled = self.means(distances), self.means(of_resamples)
        members = {group: len(self._members(group)) for group in GROUPS} | {"ramachandran": len(self.pairs)}
        return {group: centred(float(value[group]), resampled[group], members[group]) for group in GROUPS}

    def estimated(self, samples: Counts, reference: Counts, equal: Counts | None = None) -> dict[str, Any]:
        """Distances of samples to MD, both counted by block, with their intervals: lists `torsions` and `ramachandran`,
        and `js`, the means over groups. `equal` counts the MD at equal wall clock, whose distances stand beside each
        torsion and pair."""
        value, resampled = self._compared(samples, reference)
        cut = None if equal is None else self.distances(equal, reference.total())

        def entry(kind: str, place: int) -> dict[str, Any]:
            return {
                "js": centred(value[kind][place], resampled[kind][:, place], 1),
                "js_md_equal_wall_clock": None if cut is None else float(cut[kind][place]),
            }

        return {
            "torsions": [torsion.entry | entry("torsions", k) for k, torsion in enumerate(self.torsions)],
            "ramachandran": [
                self.torsions[phi].residue_entry | entry("pairs", k) for k, (phi, _) in enumerate(self.pairs)
            ],
            "js": self._estimated_means(value, resampled),
        }
