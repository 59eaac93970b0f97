"""What can be wrong with a sample: broken bonds, inverted stereocentres, clashes."""

from __future__ import annotations

import mdtraj
import numpy as np
import torch
from torch import Tensor

from jamun.peptides.checks import far_pairs, stereocentres

# In this order: bits of the flags, from the lowest.
REASONS = ("broken", "inverted", "clash")
# Below this share of the start's volume an estimate may become either of the two; down from 0.04 nm, a stereocentre was
# inverted after 7 of 2,000 jumps of Ile-Gly, all of them from estimates below 0.14.
_FLAT = 0.25


class Checks:
    """Tests samples against the structure that their chain started from.

    broken: the length of a bond differs from that in the start by more than `bond_tolerance`.
    inverted: the sign of v1.(v2 x v3) at a stereocentre (alpha carbons with a side chain, the beta carbons of
        isoleucine and threonine) differs from that in the start.
    clash: two heavy atoms more than three bonds apart are nearer than `clash_distance`.

    Args:
        topology: of the heavy atoms.
        starts: (S, atoms, 3) in nm.
        bond_tolerance: nm.
        clash_distance: nm.
    """

    def __init__(self, topology: mdtraj.Topology, starts: Tensor, bond_tolerance: float, clash_distance: float) -> None:
        bonds = np.array([(first.index, second.index) for first, second in topology.bonds], dtype=np.int64)
        bonds = bonds.reshape(-1, 2)
        centres = [(centre, *neighbours) for _, centre, neighbours in stereocentres(topology)]
        device = starts.device
        self._bonds = torch.as_tensor(bonds.T, device=device)
        self._far = torch.as_tensor(far_pairs(topology.n_atoms, bonds).T, device=device)
        self._centres = torch.as_tensor(np.array(centres, dtype=np.int64).reshape(-1, 4).T, device=device)
        self._tolerance, self._clash = bond_tolerance, clash_distance
        self._lengths, self._volumes_of_starts = self._distances(starts, self._bonds), self._volumes(starts)

    @staticmethod
    def _distances(x: Tensor, pairs: Tensor) -> Tensor:
        lengths: Tensor = (x[:, pairs[0]] - x[:, pairs[1]]).norm(dim=-1)
        return lengths

    def _volumes(self, x: Tensor) -> Tensor:
        centre, *neighbours = (x[:, atoms] for atoms in self._centres)
        v1, v2, v3 = (neighbour - centre for neighbour in neighbours)
        volumes: Tensor = (v1 * torch.linalg.cross(v2, v3)).sum(-1)
        return volumes

    def keep_chirality(self, estimates: Tensor, starts: Tensor) -> Tensor:
        """Whether all stereocentres are clearly those of the start, (F,) bool, of estimates (F, atoms, 3) in nm; starts
        (F,): which each had. A mean over structures of both kinds is flat, so that the volume v1.(v2 x v3) has to be a
        quarter of the start's."""
        expected = self._volumes_of_starts[starts]
        flat = self._volumes(estimates) * expected < _FLAT * expected.square()
        return ~flat.any(-1)

    def __call__(self, samples: Tensor, starts: Tensor) -> Tensor:
        """Flags (F, 3) bool, in the order of REASONS, of samples (F, atoms, 3) in nm; starts (F,): which each had."""
        broken = (self._distances(samples, self._bonds) - self._lengths[starts]).abs() > self._tolerance
        inverted = self._volumes(samples) * self._volumes_of_starts[starts] < 0
        clash = self._distances(samples, self._far) < self._clash
        return torch.stack([found.any(-1) for found in (broken, inverted, clash)], -1)
