"""Populations and free energies of each residue's basins, with intervals, by its slow steps."""

from typing import Any

import numpy as np
from scipy import constants

from jamun.populations.residues import StepResult
from jamun.populations.steps import HELICAL, RARE_SIDE, SIDE_OF_PHI

_GAS_CONSTANT = constants.R / 1000  # kJ/mol/K
_LOWEST = 1e-6  # of a population, below which a free energy says nothing


def _interval(values: np.ndarray) -> list[float]:
    return [float(end) for end in np.percentile(values, [2.5, 97.5])]


def basins(results: list[StepResult], temperature: float) -> list[dict[str, Any]]:
    """For each residue its backbone basins: population and free energy above the residue's most populated basin.

    Returns of each basin: residue, place, basin, population, low and high (95 %), free_energy_kj and its interval
    free_energy_interval_kj. `temperature` is in K.
    """
    found = []
    for place in sorted({result.place for result in results}):
        own = {result.step: result for result in results if result.place == place}
        psi, phi = own.get(HELICAL), own.get(SIDE_OF_PHI)
        one = psi or phi
        if one is None:
            continue
        common, rare = RARE_SIDE[not one.mirrored], RARE_SIDE[one.mirrored]
        sides = {"": (1.0, np.ones(len(one.samples)))}
        if phi is not None:
            sides = {side: (float(phi.population[n]), phi.samples[:, n]) for n, side in enumerate((common, rare))}
        draws = {}
        for side, (best, drawn) in sides.items():
            if psi is None or (side == rare and psi.residue != "GLY"):
                draws[side] = best, drawn
                continue
            for state, label in enumerate(("extended", "helical")):
                words = f"{label}, {side}" if side == rare else label
                draws[words] = best * float(psi.population[state]), drawn * psi.samples[:, state]
        reference = max(draws, key=lambda label: draws[label][0])
        scale = -_GAS_CONSTANT * temperature
        for label, (best, drawn) in draws.items():
            energies = scale * np.log(np.maximum(drawn, _LOWEST) / np.maximum(draws[reference][1], _LOWEST))
            energy = scale * np.log(max(best, _LOWEST) / max(draws[reference][0], _LOWEST))
            low, high = _interval(drawn)
            found.append(
                {"residue": one.residue, "place": place, "basin": label, "population": best, "low": low, "high": high}
                | {"free_energy_kj": float(energy), "free_energy_interval_kj": _interval(energies)}
            )
    return found
