"""Barriers of slow torsions, lowered by a bias so that short MD crosses them; its frames are weighed back.

The bias is a function of each torsion alone, nothing in the wells and minus what a barrier has above a height that is
left. Where a barrier is, and how high, is taken from hot MD, which crosses by itself, and then from MD with the bias by
that. Nothing hangs on how right it is but the speed.
"""

import numpy as np
import openmm
from openmm import unit
from scipy.signal import find_peaks

from jamun.peptides.bias import Bias, series_energy
from jamun.peptides.torsions import Torsion

# Terms of a torsion's Fourier series: three barriers of a rotamer, each with two flanks.
_TERMS = 6
# Densities of frames: grid, radians; terms of their series; and its kernel, a normal distribution of 8 degrees.
_GRID = np.linspace(-np.pi, np.pi, 360, endpoint=False)
_DENSITY_TERMS = np.arange(-40, 41)
_KERNEL = np.exp(-((_DENSITY_TERMS * np.radians(8.0)) ** 2) / 2)
# Frames that are said to be where none is, the depth, kT, of a dip that is a well, and how high above the lowest a well
# may be and keep its depth: one that was hardly seen may be anywhere, and so would be the barrier before it.
_SEEN, _DEPTH, _RARE = 0.3, 1.0, 3.0


def free_energies(angles: np.ndarray, hotter: float = 1.0, bias: Bias | None = None) -> np.ndarray:
    """Free energy (B, G) of each torsion above its lowest point, kT, at angles of -pi to pi.

    Args:
        angles: (F, B) in radians, of MD that crosses barriers.
        hotter: its temperature, as a multiple of the one that counts. A barrier that is so many kT there is so many
            times higher here, as far as it is one of energy.
        bias: of these torsions, that this MD was made with.
    """
    waves = np.exp(1j * np.outer(_GRID, _DENSITY_TERMS))
    found = np.empty((angles.shape[1], len(_GRID)))
    for number, (own, column) in enumerate(zip(found, angles.T, strict=True)):
        of_frames = np.exp(-1j * np.outer(_DENSITY_TERMS, column)).mean(1)
        density = (waves @ (of_frames * _KERNEL)).real / _KERNEL.sum()  # of one frame: 1 at its peak
        own[:] = -hotter * np.log(np.maximum(density, _SEEN / len(column)))
        if bias is not None:
            own -= series_energy(bias.coefficients[number], _GRID)
        own -= own.min()
    return found


def _wells(free_energy: np.ndarray) -> np.ndarray:
    """Places on the circle, in order, of the minima of a free energy (G,) that no barrier lower than _DEPTH joins to a
    lower one."""
    lowest = int(free_energy.argmin())
    rolled = np.roll(free_energy, -lowest)
    rolled = np.append(rolled, rolled[0])
    minima, _ = find_peaks(-rolled, prominence=_DEPTH)
    return np.sort((np.append(minima, 0) + lowest) % len(free_energy))


def _tops(free_energy: np.ndarray, height: float) -> np.ndarray:
    """What a free energy (G,) on a circle may be: `height` above the higher of the two wells on both sides, or above
    _RARE."""
    wells = _wells(free_energy)
    depths = np.minimum(free_energy[wells], free_energy.min() + _RARE)
    after = np.searchsorted(wells, np.arange(len(free_energy)), side="right") % len(wells)
    tops: np.ndarray = np.maximum(depths[after - 1], depths[after]) + height
    return tops


def lowering(torsions: list[Torsion], free_energy: np.ndarray, height: float) -> Bias:
    """The bias that leaves barriers of `height` kT above the higher of the two wells that each parts; free energies
    (B, G) of these torsions (B) are in kT, as `free_energies` gives them."""
    bias = [-np.maximum(own - _tops(own, height), 0.0) for own in free_energy]
    waves = np.exp(-1j * np.outer(_GRID, np.arange(1, _TERMS + 1))) / len(_GRID)
    return Bias(torsions, np.array(bias).reshape(-1, len(_GRID)) @ waves)


def biased_system(system: openmm.System, bias: Bias, atoms: np.ndarray, temperature: float) -> openmm.System:
    """A copy of a system with the bias among its torsions, so that whatever knows a force field's knows it.

    `atoms` (B, 4) are indices of the torsions' atoms in the system; `temperature` is in K.
    """
    copied: openmm.System = openmm.XmlSerializer.clone(system)
    forces = (force for force in copied.getForces() if isinstance(force, openmm.PeriodicTorsionForce))
    force = next(forces, None)
    if force is None:
        force = openmm.PeriodicTorsionForce()
        copied.addForce(force)
    kt = unit.MOLAR_GAS_CONSTANT_R * temperature * unit.kelvin
    for quartet, series in zip(atoms.tolist(), bias.coefficients, strict=True):
        for multiple, own in enumerate(series.tolist(), start=1):
            force.addTorsion(*quartet, multiple, -np.angle(own) * unit.radian, 2 * abs(own) * kt)
    return copied
