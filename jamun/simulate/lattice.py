"""A face-centred cubic lattice in a rectangular periodic box: as many sites as needed, as far apart as asked for."""

from dataclasses import dataclass

import numpy as np

# How much unused room, as part of the whole, a box may have to be rounder by one in the ratio of its edges.
_ROUNDNESS = 0.01


@dataclass(frozen=True)
class Lattice:
    """Sites in a periodic box.

    edges: (3,) lengths of the box, nm;
    fractions: (sites, 3) places of the sites as parts of the edges, in [0, 1).
    """

    edges: np.ndarray
    fractions: np.ndarray

    @property
    def sites(self) -> np.ndarray:
        """Places of the sites, (sites, 3) in nm."""
        return self.fractions * self.edges


def face_centred(count: int, spacing: float) -> Lattice:
    """At least `count` sites on a face-centred cubic lattice, of which the first `count` are returned.

    The lattice packs spheres closest, so peptides take least water. It is cut into cells of two sites, spacing x
    spacing x sqrt(2) spacing, which gives more choices of a box than cubes of four. Of one site the box is a cube.
    `spacing` is the distance between nearest neighbours, nm, and that of the lattice of periodic copies too. Returns
    the lattice of the box that wastes least room and is nearest to a cube.
    """
    if count == 1:
        return Lattice(np.full(3, spacing), np.zeros((1, 3)))
    cell = np.array([1.0, 1.0, np.sqrt(2.0)])
    pairs = (count + 1) // 2
    best, chosen = np.inf, np.ones(3, dtype=int)
    # The cell is as wide as it is deep, so the order of the first two does not matter.
    choices = (
        (first, second) for first in range(1, pairs + 1) for second in range(first, max(first, pairs // first) + 1)
    )
    for first, second in choices:
        numbers = np.array([first, second, -(-pairs // (first * second))])
        edges = numbers * cell
        cost = numbers.prod() / pairs + _ROUNDNESS * edges.max() / edges.min()
        if cost < best - 1e-9:
            best, chosen = cost, numbers
    corners = np.stack(np.meshgrid(*map(np.arange, chosen), indexing="ij"), -1).reshape(-1, 1, 3)
    fractions = ((corners + np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]])) / chosen).reshape(-1, 3)
    return Lattice(chosen * cell * spacing, fractions[:count])
