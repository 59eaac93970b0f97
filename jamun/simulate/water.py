"""Where peptides, waters and ions stand in a box: arrays alone, so that a box of a quarter of a million particles takes
seconds.

Peptides stand on a face-centred cubic lattice, as many as needed, as far apart as asked for. A small box of water that
is at equilibrium is laid side by side until the box is full. Waters that come too near the peptides, or each other
where the pattern is cut at the box's faces, are left out; a stage at constant pressure closes the gaps. Neighbouring
copies are alike at first, and forget it in some picoseconds.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from openmm import app
from scipy.spatial import cKDTree

# How much unused room, as part of the whole, a box may have to be rounder by one in the ratio of its edges.
_ROUNDNESS = 0.01
# Atoms of a water, oxygen first.
WATER_ATOMS = 3
# A water stays where its atoms are farther from a peptide's than this part of the distance at which two atoms attract
# each other most; a hydrogen bond is shorter than that distance.
_CONTACT = 0.8
_MINIMUM_OF_SIGMA = 2 ** (1 / 6)
# Least distances over the seam between waters, nm: of two oxygens, and of any two atoms. Water has none shorter.
_OXYGENS, _ATOMS = 0.24, 0.15
# Ions begin at least this far from peptides and from each other, nm.
_ION_ROOM = 0.5


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


@cache
def _small_box() -> tuple[np.ndarray, float]:
    """Waters of OpenMM's small box of TIP3P, (waters, 3, 3) in nm, and the length of its edge in nm."""
    pdb = app.PDBFile(str(Path(app.__file__).parent / "data" / "tip3p.pdb"))
    positions = np.asarray(pdb.getPositions(asNumpy=True)._value)
    edge = pdb.topology.getPeriodicBoxVectors()[0][0]._value
    return positions.reshape(-1, WATER_ATOMS, 3), float(edge)


def _wrapped(positions: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Positions in the box, as cKDTree wants them: 0 included, the edge not."""
    inside = positions % edges
    return np.where(inside >= edges, 0.0, inside)


def _near(points: np.ndarray, others: np.ndarray, radii: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Which of `points` (n, 3) lie within `radii` (m,) of any of `others` (m, 3), by the minimum image; (n,) bool."""
    near = np.zeros(len(points), bool)
    if len(points) and len(others):
        tree = cKDTree(_wrapped(points, edges), boxsize=edges)
        for found in tree.query_ball_point(_wrapped(others, edges), radii):
            near[found] = True
    return near


def waters_around(
    edges: np.ndarray, solute: np.ndarray, solute_sigmas: np.ndarray, water_sigmas: np.ndarray
) -> np.ndarray:
    """Waters that fill a rectangular periodic box around a solute.

    Args:
        edges: (3,) lengths of the box, nm; it spans from 0 to these.
        solute: (atoms, 3) positions of all that is not water, nm, in any periodic image.
        solute_sigmas: (atoms,) their Lennard-Jones sigma, nm.
        water_sigmas: (3,) those of a water's atoms, oxygen first, nm.

    Returns:
        (waters, 3, 3) positions in nm: whole molecules, oxygens in the box.
    """
    small, edge = _small_box()
    # Molecules of the small box stand a little outside of it: there are copies all around of which some reach in.
    tiles = [np.arange(-1, number + 1) for number in np.ceil(edges / edge).astype(int)]
    corners = np.stack(np.meshgrid(*tiles, indexing="ij"), -1).reshape(-1, 1, 1, 3) * edge
    waters = (small[None] + corners).reshape(-1, WATER_ATOMS, 3)
    oxygens = waters[:, 0]
    waters = waters[((oxygens >= 0) & (oxygens < edges)).all(1)]
    for atom in range(WATER_ATOMS):
        radii = _CONTACT * _MINIMUM_OF_SIGMA * 0.5 * (solute_sigmas + water_sigmas[atom])
        radii = np.maximum(radii, _ATOMS)  # a hydrogen of a hydroxyl has no sigma
        waters = waters[~_near(waters[:, atom], solute, radii, edges)]
    return waters[~_over_the_seam(waters, edges)]


def _over_the_seam(waters: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Which waters have to go lest two clash, (waters,) bool: of each pair the second."""
    oxygens = cKDTree(_wrapped(waters[:, 0], edges), boxsize=edges).query_pairs(_OXYGENS, output_type="ndarray")
    atoms = cKDTree(_wrapped(waters.reshape(-1, 3), edges), boxsize=edges)
    pairs = atoms.query_pairs(_ATOMS, output_type="ndarray") // WATER_ATOMS
    pairs = np.concatenate([oxygens, pairs[pairs[:, 0] != pairs[:, 1]]])
    gone = np.zeros(len(waters), bool)
    for first, second in np.sort(pairs, axis=1):
        if not gone[first]:
            gone[second] = True
    return gone


def ion_places(
    waters: np.ndarray, solute: np.ndarray, edges: np.ndarray, count: int, rng: np.random.Generator
) -> np.ndarray:
    """Indices of `count` waters that ions take the place of, drawn at random far from the solute and each other.

    Fewer are returned where there is no room for more.
    """
    oxygens = waters[:, 0]
    if not count:
        return np.empty(0, int)
    free = np.flatnonzero(~_near(oxygens, solute, np.full(len(solute), _ION_ROOM), edges))
    chosen: list[int] = []
    for place in rng.permutation(free).tolist():
        apart = oxygens[chosen] - oxygens[place]
        apart -= np.round(apart / edges) * edges
        if not chosen or (np.linalg.norm(apart, axis=1) > _ION_ROOM).all():
            chosen.append(place)
            if len(chosen) == count:
                break
    return np.array(chosen, int)
