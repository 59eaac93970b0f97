"""Torsions of a molecule, and its parts turned about bonds."""

from __future__ import annotations

import numpy as np

Quartet = tuple[int, int, int, int]


def torsion(positions: np.ndarray, quartet: Quartet) -> float:
    """Dihedral angle of four atoms in radians; `positions` (atoms, 3)."""
    a, b, c, d = positions[list(quartet)]
    axis = (c - b) / np.linalg.norm(c - b)
    left, right = np.cross(b - a, axis), np.cross(axis, d - c)
    return float(np.arctan2(np.dot(np.cross(left, right), axis), np.dot(left, right)))


def turned(positions: np.ndarray, first: int, second: int, atoms: list[int], angle: float) -> np.ndarray:
    """Positions with `atoms` turned by `angle`, radians, about the axis from `first` to `second`."""
    axis = positions[second] - positions[first]
    axis /= np.linalg.norm(axis)
    relative = positions[atoms] - positions[second]
    along = np.outer(relative @ axis, axis)
    result = positions.copy()
    result[atoms] = (
        positions[second] + along + (relative - along) * np.cos(angle) + np.cross(axis, relative) * np.sin(angle)
    )
    return result
