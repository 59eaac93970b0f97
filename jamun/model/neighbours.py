"""Lists of neighbours: the pairs of atoms within the cutoff, so that large molecules cost what their edges cost."""

import torch
from torch import Tensor


def neighbour_lists(positions: Tensor, edge: Tensor, cutoff: float) -> Tensor:
    """The neighbours of each atom, in the atoms' order.

    All pairs are compared, on the positions' device, which is a small part of what the network takes. Lists are as long
    as the longest; what is left over of the others is the atom itself, which has no edge to itself and so no weight.

    Args:
        positions: (G, N, 3), in the unit of `cutoff`.
        edge: (G or 1, N, N), not zero where there may be an edge; symmetric, zero between an atom and itself.
        cutoff: distance up to which atoms are neighbours.

    Returns:
        (G, N, M) int64; M is at least 1.
    """
    graphs, atoms, _ = positions.shape
    with torch.no_grad():
        distance = torch.cdist(positions, positions, compute_mode="donot_use_mm_for_euclid_dist")
        near = ((distance < cutoff) & (edge != 0)).flatten(0, 1)
        count = near.sum(1)
        row, neighbour = near.nonzero(as_tuple=True)
        place = torch.arange(len(row), device=row.device) - (count.cumsum(0) - count)[row]
        longest = max(1, int(count.max()))
        lists = torch.arange(atoms, device=row.device).repeat(graphs)[:, None].repeat(1, longest)
        lists[row, place] = neighbour
    return lists.view(graphs, atoms, longest)
