"""What an imported frame must be: finite, in nm, whole, with bonds of a bond's length, of the right hands, in step.

Arrays in, arrays out. `where` is the file that the arrays are of, `start` the number in it of their first frame, and
`labels` the atoms' names, all for messages only. Frames are counted from 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import mdtraj
import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import breadth_first_order

from jamun.io.log import UserError
from jamun.peptides.bond_lengths import LONGEST_BOND_NM, SHORTEST_BOND_NM, TYPICAL_BOND_NM
from jamun.peptides.residues import chirality

# A typical bond of 0.15 is in nm, one of 1.5 in angstroms; a factor of two to either side leaves no doubt.
_NM_PER_UNIT = {"nm": 1.0, "angstrom": 0.1}
# Times are single precision in most formats.
_TIME_TOLERANCE = 1e-3
_TIME_ROUNDING = 4 * float(np.finfo(np.float32).eps)


class TrajectoryError(UserError):
    """A trajectory or topology that cannot be imported; the message names the file, the fault and the remedy."""


def require_finite(positions: np.ndarray, where: str, start: int) -> None:
    """`positions` (F, N, 3). Raises TrajectoryError naming the first frame that holds NaN or infinity."""
    bad = np.flatnonzero(~np.isfinite(positions).all(axis=(1, 2)))
    if len(bad):
        raise TrajectoryError(
            f"{where}: positions of frame {start + bad[0]} are not finite (NaN or infinity); cut the trajectory before "
            "it, or leave the peptide out."
        )


def bond_lengths(positions: np.ndarray, bonds: np.ndarray) -> np.ndarray:
    """Lengths (F, B) of `bonds` (B, 2) in `positions` (F, N, 3), in the unit of the positions."""
    return np.linalg.norm(positions[:, bonds[:, 0]] - positions[:, bonds[:, 1]], axis=-1)


def _judged(typical: float) -> str | None:
    """The unit in which a bond of length `typical` is one; None where it is one in none."""
    return next((name for name, nm in _NM_PER_UNIT.items() if 0.5 < typical * nm / TYPICAL_BOND_NM < 2.0), None)


def _unit(positions: np.ndarray, bonds: np.ndarray, where: str) -> tuple[str, float]:
    """The unit of positions (F, N, 3), judged by the median of their bonds (B, 2), and that median.

    Raises TrajectoryError where it is the length of a bond in no unit.
    """
    typical = float(np.median(bond_lengths(positions, bonds)))
    if judged := _judged(typical):
        return judged, typical
    tenth = _judged(10.0 * typical) == "nm"
    cause = "; they are ten times too short, as nm are where a writer wanted angstroms" if tenth else ""
    raise TrajectoryError(
        f"{where}: a typical bond is {typical:.3g} long, which is neither nm (0.15) nor angstroms (1.5){cause}; give "
        "the topology that belongs to the trajectory, or convert its lengths."
    )


def require_nm(positions: np.ndarray, bonds: np.ndarray, where: str) -> None:
    """`positions` (F, N, 3). Raises TrajectoryError where the median of the bonds (B, 2) is none in nm."""
    if not len(bonds):
        return
    judged, typical = _unit(positions, bonds, where)
    if judged != "nm":
        raise TrajectoryError(
            f"{where}: a typical bond is {typical:.2f} long, so lengths are angstroms; write them in nm."
        )


def nm_per_unit(positions: np.ndarray, bonds: np.ndarray, unit: str, where: str) -> float:
    """The factor to nm of positions (F, N, 3) that are told to be in `unit` ("nm" or "angstrom").

    The unit is judged by the median bond. Raises TrajectoryError where the bonds speak for another unit.
    """
    judged, typical = _unit(positions, bonds, where)
    if judged != unit:
        name = {"nm": "nm", "angstrom": "angstroms"}[judged]
        raise TrajectoryError(
            f"{where}: lengths are {name} (a typical bond is {typical:.3g}); set source.length_unit: {judged}."
        )
    return _NM_PER_UNIT[unit]


def spanning_tree(n_atoms: int, bonds: np.ndarray) -> np.ndarray:
    """Edges (N-1, 2) of the bond graph, parent first, in an order in which every parent has been reached before.

    Raises TrajectoryError where the bonds do not join all atoms.
    """
    graph = coo_matrix((np.ones(len(bonds)), tuple(bonds.T)), shape=(n_atoms, n_atoms))
    order, parents = breadth_first_order(graph, 0, directed=False)
    if len(order) < n_atoms:
        raise TrajectoryError(f"The bonds of the peptide join only {len(order)} of its {n_atoms} heavy atoms.")
    return np.stack([parents[order[1:]], order[1:]], 1).astype(np.int64)


def make_whole(
    positions: np.ndarray, box: np.ndarray | None, bonds: np.ndarray, tree: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Undo breaks over the periodic boundaries: each atom goes to the image nearest to the atom it is bonded to.

    Bonds are short beside a box, so rounding the fractional difference finds the right image in any box shape. Without
    a box, or where that of a frame is zero, nothing moves.

    Args:
        positions: (F, N, 3) in nm.
        box: box vectors (F, 3, 3) in nm, rows a, b, c.
        bonds: (B, 2) atoms.
        tree: (N-1, 2) of `spanning_tree`.

    Returns:
        The positions (F, N, 3) in nm, and which frames (F,) were changed.
    """
    torn = (bond_lengths(positions, bonds) > LONGEST_BOND_NM).any(axis=1)
    if box is None:
        return positions, np.zeros(len(positions), dtype=bool)
    torn &= np.abs(np.linalg.det(box)) > 0
    if not torn.any():
        return positions, torn
    frames, vectors = positions[torn].astype(np.float64), box[torn].astype(np.float64)
    inverse = np.linalg.inv(vectors)
    for parent, child in tree.tolist():
        fraction = np.einsum("fi,fij->fj", frames[:, child] - frames[:, parent], inverse)
        frames[:, child] -= np.einsum("fi,fij->fj", np.round(fraction), vectors)
    whole = positions.copy()
    whole[torn] = frames
    changed = torn.copy()
    changed[torn] = np.abs(whole[torn] - positions[torn]).max(axis=(1, 2)) > 0
    return whole, changed


def require_bonds(
    positions: np.ndarray, bonds: np.ndarray, labels: list[str], has_box: bool, where: str, start: int
) -> None:
    """`positions` (F, N, 3) in nm. Raises TrajectoryError naming the first bond, with its frame, that is none."""
    lengths = bond_lengths(positions, bonds)
    bad = np.argwhere((lengths < SHORTEST_BOND_NM) | (lengths > LONGEST_BOND_NM))
    if not len(bad):
        return
    frame, bond = bad[0]
    length = float(lengths[frame, bond])
    first, second = (labels[atom] for atom in bonds[bond])
    if length > LONGEST_BOND_NM and not has_box:
        remedy = "the file has no periodic box to make the molecule whole with; write it whole, or with its box"
    else:
        remedy = "give the topology that belongs to the trajectory, or leave the peptide out"
    raise TrajectoryError(
        f"{where}: bond {first} to {second} is {length:.3f} nm long in frame {start + frame}, outside of "
        f"{SHORTEST_BOND_NM:g} to {LONGEST_BOND_NM:g} nm; {remedy}."
    )


def odd_bond(positions: np.ndarray, bonds: np.ndarray, topology: mdtraj.Topology) -> str | None:
    """What to say of heavy atoms (F, N, 3) in nm, whole, of which two bonded ones have in most frames the distance of
    no bond, as where a topology names atoms in another order than the trajectory has them; None where there are none,
    or in one frame, which may be odd."""
    if len(positions) < 2:
        return None
    typical = np.median(bond_lengths(positions, bonds), axis=0)
    for (first, second), length in zip(bonds.tolist(), typical.tolist(), strict=True):
        one, other = topology.atom(first), topology.atom(second)
        symbols = {one.element.symbol, other.element.symbol}
        if symbols <= {"C", "N", "O", "S"} and not 0.115 < length < (0.23 if symbols == {"S"} else 0.19):
            labels = " to ".join(f"{atom.residue.name}{atom.residue.index + 1} {atom.name}" for atom in (one, other))
            return (
                f"bond {labels} is {length:.3f} nm long in most frames, as no such bond is: the topology has the atoms "
                "in another order than the trajectory, or the molecule is torn"
            )
    return None


def require_hands(
    positions: np.ndarray,
    centres: list[tuple[str, int, tuple[int, int, int]]],
    expected: Mapping[int, int],
    where: str,
    start: int,
) -> None:
    """Refuse frames (F, N, 3), whole, of another stereoisomer than the built peptide, whose `centres` and hands are as
    of `stereocentres` and `hands` in jamun.peptides.checks; `start` is the number of the first frame.

    Raises TrajectoryError, naming the first stereocentre, with its frame, that is the mirror image of the built one.
    """
    for label, centre, neighbours in centres:
        bad = np.flatnonzero(chirality(positions, centre, neighbours) * expected[centre] <= 0)
        if len(bad):
            found, built = ("D", "L") if expected[centre] > 0 else ("L", "D")
            raise TrajectoryError(
                f"{where}: {label} is inverted ({found} instead of {built}) in frame {start + bad[0]}; write the "
                "sequence with its D residues, such as A(D)W, or leave the peptide out."
            )


def rounded(value: float, error: float) -> float:
    """The number with the fewest digits that is no further than `error` from `value`."""
    candidates = (float(f"{value:.{digits}g}") for digits in range(1, 10))
    return next((found for found in candidates if abs(found - value) <= error), value)


@dataclass
class FrameTimes:
    """The times of a file's frames, checked stretch by stretch: increasing and evenly spaced in each of its runs.

    where: the file.
    frames: frames so far.
    first, last: time of the first frame of the last run, and of the last frame, ps.
    step: time between the first two frames of a run, ps.
    runs: number of the first frame of each run: a run begins where times fall back, as in runs that were joined.
    """

    where: str
    frames: int = 0
    first: float = 0.0
    last: float = 0.0
    step: float | None = None
    runs: list[int] = field(default_factory=list)
    _spans: float = 0.0
    _largest: float = 0.0

    def add(self, times: np.ndarray) -> None:
        """Take the times (F,) in ps of the next frames. Raises TrajectoryError naming the first that does not fit."""
        for time in np.asarray(times, dtype=np.float64).tolist():
            if not self.frames or time < self.last:
                self._spans += self.last - self.first
                self.first = time
                self.runs.append(self.frames)
            else:
                self._follow(time)
            self.last = time
            self._largest = max(self._largest, abs(time))
            self.frames += 1

    def _follow(self, time: float) -> None:
        step = time - self.last
        if not step > 0:
            raise TrajectoryError(
                f"{self.where}: the time of frame {self.frames} is {time:g} ps, after {self.last:g} ps; times must "
                "increase: set source.frame_interval if the stored ones mean nothing, or write the trajectory again."
            )
        if self.step is None:
            self.step = step
        elif abs(step - self.step) > _TIME_TOLERANCE * self.step + _TIME_ROUNDING * abs(time):
            raise TrajectoryError(
                f"{self.where}: frame {self.frames} comes {step:g} ps after the one before it, the first frames are "
                f"{self.step:g} ps apart; frames must be evenly spaced, so cut or thin the trajectory, or set "
                "source.frame_interval if the stored times mean nothing."
            )

    @property
    def interval(self) -> float:
        """Mean time between frames of a run, ps, to the digits that single precision has; needs two frames of a run."""
        steps = self.frames - len(self.runs)
        if not steps:
            raise TrajectoryError(
                f"{self.where}: the time of every frame is before that of the frame before; set source.frame_interval "
                "if the stored times mean nothing, or write the trajectory again."
            )
        mean = (self._spans + self.last - self.first) / steps
        return rounded(mean, _TIME_ROUNDING * self._largest / steps + 1e-6 * mean)


def run_starts(times: np.ndarray) -> list[int]:
    """Number of the first frame of each run: times (F,) fall back where another run was joined."""
    return [0, *(1 + np.flatnonzero(np.diff(times) < 0)).tolist()]


def even_interval(times: np.ndarray) -> float | None:
    """Time between frames, ps, of times (F,); None where they are uneven, or only count the frames of each run."""
    lengths = np.diff([*run_starts(times), len(times)])
    if np.array_equal(times, np.concatenate([np.arange(length) for length in lengths])):
        return None
    found = FrameTimes("")
    try:
        found.add(times)
        return found.interval
    except TrajectoryError:
        return None
