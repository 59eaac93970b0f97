"""E-W2, T-W2 and TICA-W2: 2-Wasserstein distances as they are published for Prose and ManyPeptidesMD.

Tan et al., Amortized Sampling with Transferable Normalizing Flows (NeurIPS 2025), and its public code. What is done
otherwise here, and why, stands in docs/benchmarks.md.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import mdtraj
import numpy as np

from jamun.config.evaluation import EvaluationSettings, WassersteinSettings
from jamun.evaluation.bootstrap import FEWEST_FRAMES, missing
from jamun.evaluation.ensembles import EvaluationError
from jamun.evaluation.pair import Ensemble, Files, Pair, Result, of_accepted
from jamun.evaluation.run import publish
from jamun.evaluation.runs import Points, cut_into_runs
from jamun.evaluation.slow_distances import NO_TORSION
from jamun.evaluation.tica import KEPT, Projection, TICAError, fit_features
from jamun.evaluation.transport import euclidean_cost, torsion_cost, transport_distance

DISTANCES = {"energy_w2": euclidean_cost, "torus_w2": torsion_cost, "tica_w2": euclidean_cost}
LABELS = {"energy_w2": "E-W2", "torus_w2": "T-W2", "tica_w2": "TICA-W2"}
# Atoms whose distances are features of the published TICA.
_ELEMENTS = ("C", "N", "S")
_CHUNK = 10_000


class Potential(Protocol):
    """What gives frames their potential energies, kJ/mol.

    kt: Boltzmann's constant times the MD's temperature, kJ/mol.
    """

    kt: float

    def energies(self, heavy: np.ndarray, seed: int) -> np.ndarray:
        """Of heavy atoms (F, H, 3) in nm, with hydrogens drawn at that temperature; NaN where that fails."""

    def own_energies(self, trajectory: mdtraj.Trajectory) -> np.ndarray:
        """Of frames with all atoms, as they are."""


@dataclass(frozen=True)
class _Spaces:
    """An ensemble in the three spaces.

    torsions: (F, K) phi and psi, radians. components: (F, 2) slowest of the MD; None where there is no TICA.
    frames: (E,) of those that have energies, by number. energies: (E,) kT, NaN where that failed; empty without a
    potential.
    """

    ensemble: Ensemble
    torsions: np.ndarray
    components: np.ndarray | None
    frames: np.ndarray
    energies: np.ndarray

    @property
    def failed(self) -> int:
        """Frames that got no energy."""
        return int((~np.isfinite(self.energies)).sum())

    def segment(self, chosen: np.ndarray | None = None) -> dict[str, Points | None]:
        """The frames that the mask `chosen` (F,) leaves, all without one, by the names of DISTANCES."""
        mask = np.ones(len(self.ensemble), dtype=bool) if chosen is None else chosen
        known = mask[self.frames] & np.isfinite(self.energies)
        return {
            "energy_w2": self._points(self.frames[known], self.energies[known, None]) if known.any() else None,
            "torus_w2": self._points(np.flatnonzero(mask), self.torsions[mask]),
            "tica_w2": None if self.components is None else self._points(np.flatnonzero(mask), self.components[mask]),
        }

    def _points(self, frames: np.ndarray, values: np.ndarray) -> Points:
        weights = None if self.ensemble.weights is None else self.ensemble.weights[frames]
        return Points(values, cut_into_runs(self.ensemble.chains[frames]), weights)


def published_features(ensemble: Ensemble) -> np.ndarray:
    """Features (F, P) of the published TICA: distances in nm of all pairs of carbon, nitrogen and sulphur atoms, and
    sines and cosines of phi, psi and omega."""
    if ensemble.positions is None or ensemble.topology is None:
        raise EvaluationError("these frames have angles and no positions, of which there is no published TICA.")
    chosen = [atom.index for atom in ensemble.topology.atoms if atom.element.symbol in _ELEMENTS]
    pairs = np.stack(np.triu_indices(len(chosen), k=1), 1)
    frames = mdtraj.Trajectory(ensemble.positions, ensemble.topology)
    distances = mdtraj.compute_distances(frames, np.array(chosen)[pairs], periodic=False)
    angles = ensemble.angles[:, [torsion.kind in ("phi", "psi", "omega") for torsion in ensemble.torsions]]
    return np.concatenate([distances, np.sin(angles), np.cos(angles)], 1, dtype=np.float32)


def _components(ensemble: Ensemble, projection: Projection) -> np.ndarray:
    """The two slowest components (F, 2), some frames at a time: eight residues have two thousand features."""
    parts = np.array_split(np.arange(len(ensemble)), -(-len(ensemble) // _CHUNK))
    return np.concatenate([projection.of_features(published_features(ensemble.chosen(part)))[:, :2] for part in parts])


def _some_frames(ensemble: Ensemble, number: int) -> np.ndarray:
    """Numbers of at most so many frames, evenly spaced."""
    return np.unique(np.linspace(0, len(ensemble) - 1, number).round().astype(int))


def _spaces(
    ensemble: Ensemble, projection: Projection | None, potential: Potential | None, settings: WassersteinSettings
) -> _Spaces:
    angles = ensemble.angles[:, [torsion.kind in ("phi", "psi") for torsion in ensemble.torsions]]
    components = None if projection is None else _components(ensemble, projection)
    frames, energies = np.zeros(0, dtype=np.int64), np.zeros(0)
    if potential is not None and ensemble.positions is not None:
        frames = _some_frames(ensemble, settings.energy_frames)
        energies = potential.energies(ensemble.positions[frames], settings.seed) / potential.kt
    return _Spaces(ensemble, angles, components, frames, energies)


def _distances(
    first: dict[str, Points | None],
    second: dict[str, Points | None],
    reasons: dict[str, str],
    settings: WassersteinSettings,
) -> dict[str, Any]:
    """DISTANCES of two ensembles, with their intervals; `reasons` tell why one has no points."""
    found = {}
    for name, cost in DISTANCES.items():
        one, other = first[name], second[name]
        if one is None or other is None:
            found[name] = missing(reasons.get(name, "no frame has an energy"))
        elif not one.values.shape[1]:
            found[name] = missing(NO_TORSION)
        elif (fewer := min(len(one.values), len(other.values))) < FEWEST_FRAMES:
            found[name] = missing(f"{fewer} frames are fewer than {FEWEST_FRAMES}")
        else:
            found[name] = transport_distance(one, other, cost, settings)
    return found


def _energy_arrays(name: str, points: Points | None, kt: float) -> dict[str, np.ndarray]:
    """Energies (E,) in kJ/mol and their weights, for the figure."""
    if points is None:
        return {f"energy_{name}": np.zeros(0), f"energy_{name}_weights": np.zeros(0)}
    weights = np.ones(len(points.values)) if points.weights is None else points.weights
    return {f"energy_{name}": points.values[:, 0] * kt, f"energy_{name}_weights": weights}


def _described(arrays: dict[str, np.ndarray], name: str) -> dict[str, Any]:
    """Frames, mean and standard deviation of energies."""
    values, weights = arrays[f"energy_{name}"], arrays[f"energy_{name}_weights"]
    if not weights.sum() > 0:
        return {"frames": len(values), "mean": None, "standard_deviation": None}
    mean = np.average(values, weights=weights)
    spread = np.sqrt(np.average((values - mean) ** 2, weights=weights))
    return {"frames": len(values), "mean": float(mean), "standard_deviation": float(spread)}


def analyse(
    pair: Pair,
    settings: EvaluationSettings,
    potential: Potential | str = "no force field is given",
    all_atoms: mdtraj.Trajectory | None = None,
) -> Result:
    """E-W2, T-W2 and TICA-W2 of samples and reference MD.

    Energies are of heavy atoms with hydrogens that are drawn at the MD's temperature, on both sides. How far that is
    from the MD's own energies is told where the MD has hydrogens.

    `potential` gives heavy atoms their energies, or says why there are none; `all_atoms` are the MD's frames that get
    energies (`frames_with_energies`), with all atoms, None where the MD has no hydrogens. Returns the entries of the
    result (definitions: docs/benchmarks.md), and energies in kJ/mol for the figure.
    """
    chosen, md = settings.wasserstein, pair.reference
    given, reasons = (None, {"energy_w2": potential}) if isinstance(potential, str) else (potential, {})
    projection = None
    try:
        replicas = [published_features(md.chosen(md.chains == one)) for one in np.unique(md.chains)]
        projection = fit_features(replicas, chosen.tica_lag)
    except TICAError as error:
        reasons["tica_w2"] = f"no TICA: {error}"
    spaces = {
        name: _spaces(ensemble, projection, given, chosen) for name, ensemble in (("md", md), ("samples", pair.samples))
    }
    whole = {name: one.segment() for name, one in spaces.items()}
    first_half = np.arange(len(md)) < len(md) // 2
    first, second = (spaces["md"].segment(mask) for mask in (first_half, ~first_half))
    energy, arrays = _energies(spaces, whole, given, all_atoms, chosen)
    notes = [f"No {label}: {reasons[name]}." for name, label in LABELS.items() if name in reasons]
    notes += [
        f"{one.failed} of the {name} got no energy: their atoms lie on each other."
        for name, one in zip(("MD frames", "samples"), spaces.values(), strict=True)
        if one.failed
    ]
    result: dict[str, Any] = {
        "settings": chosen.model_dump(),
        "tica": {
            "lag_frames": chosen.tica_lag,
            "features": None if projection is None else len(projection.mean),
            "eigenvalues": [] if projection is None else projection.eigenvalues[:KEPT],
            "reason": reasons.get("tica_w2"),
        },
        "energy": energy,
        "distances": _distances(whole["samples"], whole["md"], reasons, chosen),
        "baselines": {"md_halves": {"frames": len(md) // 2} | _distances(first, second, reasons, chosen)},
        **of_accepted(
            pair.samples,
            pair.accepted,
            lambda kept: {"distances": _distances(spaces["samples"].segment(kept), whole["md"], reasons, chosen)},
        ),
        "notes": notes,
    }
    return result, arrays


def _energies(
    spaces: dict[str, _Spaces],
    whole: dict[str, dict[str, Points | None]],
    potential: Potential | None,
    all_atoms: mdtraj.Trajectory | None,
    settings: WassersteinSettings,
) -> tuple[dict[str, Any] | None, dict[str, np.ndarray]]:
    """What a result says of the energies, and they themselves."""
    if potential is None:
        return None, {}
    kt, md = potential.kt, spaces["md"]
    arrays: dict[str, np.ndarray] = {}
    for name in spaces:
        arrays |= _energy_arrays(name, whole[name]["energy_w2"], kt)
    energy = {"unit": "kJ/mol", "kt": kt, "failed": {name: one.failed for name, one in spaces.items()}}
    own = None
    if all_atoms is not None:
        own = replace(md, energies=potential.own_energies(all_atoms) / kt).segment()["energy_w2"]
    arrays |= _energy_arrays("md_own", own, kt)
    energy |= {name: _described(arrays, name) for name in (*spaces, "md_own")}
    drawn = whole["md"]["energy_w2"]
    if own is None or drawn is None:
        energy["hydrogens_w2"] = missing("the MD has no hydrogens of its own")
    else:
        energy["hydrogens_w2"] = transport_distance(drawn, own, euclidean_cost, settings)
    return energy, arrays


def frames_with_energies(pair: Pair, settings: EvaluationSettings) -> np.ndarray:
    """Numbers of the MD's frames that get energies."""
    return _some_frames(pair.reference, settings.wasserstein.energy_frames)


def analyse_to_files(
    pair: Pair,
    settings: EvaluationSettings,
    potential: Potential | str,
    reference: Files,
    result: Path,
    arrays: Path,
) -> None:
    """Make this analysis of a pair, with the MD's own hydrogens from its files, and publish result (JSON) and arrays
    (NPZ)."""
    own, topology = None, mdtraj.load_topology(str(reference.topology))
    if not isinstance(potential, str) and any(atom.element.symbol == "H" for atom in topology.atoms):
        own = mdtraj.load(str(reference.trajectory), top=topology)[frames_with_energies(pair, settings)]
    found = analyse(pair, settings, potential, own)
    publish(pair, found, ("mdtraj", "numpy", "deeptime", "POT", "openmm"), result, arrays)
