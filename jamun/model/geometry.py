"""What the network sees of a structure: distances, directions, neighbours; and the superposition of structures."""

import math

import torch
from e3nn import o3
from torch import Tensor

# Atoms nearer than this (in the network's unit, the root mean squared pair distance) count as coincident: their
# direction is undefined, so harmonics of degree one and more are zero there.
COINCIDENT = 1e-6


def centre(positions: Tensor, mask: Tensor) -> Tensor:
    """Subtract each graph's mean over its atoms: positions (G, N, 3), mask (G or 1, N); padding becomes zero."""
    weight = mask[..., None].to(positions.dtype)
    mean = (positions * weight).sum(-2, keepdim=True) / weight.sum(-2, keepdim=True).clamp(min=1)
    return (positions - mean) * weight


def pair_geometry(positions: Tensor, lmax: int) -> tuple[Tensor, list[Tensor]]:
    """`edge_geometry` of all pairs: positions (G, N, 3) -> distances (G, N, N), harmonics of r_i - r_j."""
    coordinates = positions.permute(2, 0, 1)
    return edge_geometry(coordinates[..., :, None] - coordinates[..., None, :], lmax)


def edge_geometry(difference: Tensor, lmax: int) -> tuple[Tensor, list[Tensor]]:
    """Distances and spherical harmonics of pairs.

    Args:
        difference: (3, ...), r_i - r_j.
        lmax: highest degree of the harmonics.

    Returns:
        Distances (...), in the unit of `difference`; and for each degree l = 0..lmax the harmonics of r_i - r_j, shape
        (2l+1, ...), in e3nn's order of components and 'component' normalisation (squares sum to 2l+1). For coincident
        atoms the distance and all harmonics with l >= 1 are zero, and so are their gradients.
    """
    squared = difference.square().sum(0)
    apart = squared > COINCIDENT**2
    distance = torch.where(apart, squared, 1.0).sqrt()
    unit = difference * (apart / distance)
    harmonics = [torch.ones_like(distance)[None]]
    if lmax >= 1:
        harmonics.append(math.sqrt(3.0) * unit)
    if lmax >= 2:  # made on the device, which a CUDA graph asks for
        fixed = unit.new_zeros(3)
        fixed[1:2].fill_(1.0)
    for degree in range(2, lmax + 1):
        # a fixed direction keeps the normalisation of coincident atoms finite; their harmonics are zeroed
        direction = torch.where(apart[..., None], unit.movedim(0, -1), fixed)
        values = o3.spherical_harmonics(degree, direction, normalize=True, normalization="component")
        harmonics.append(values.movedim(-1, 0) * apart)
    return distance * apart, harmonics


def superpose(moving: Tensor, fixed: Tensor, mask: Tensor) -> Tensor:
    """Rotate each `moving` structure onto `fixed`, with proper rotations only (Kabsch 1976; Umeyama 1991).

    Args:
        moving: (G, N, 3), centred.
        fixed: (G, N, 3), centred, in the same unit.
        mask: (G or 1, N), false on padding.

    Returns:
        The rotated structures (G, N, 3), in the type of `moving`. The decomposition runs in float64, where it is cheap
        and its error negligible.
    """
    weight = mask[..., None].double()
    covariance = (moving.double() * weight).transpose(1, 2) @ (fixed.double() * weight)
    u, _, vh = torch.linalg.svd(covariance)
    handedness = torch.linalg.det(u @ vh).sign()
    flip = torch.ones_like(covariance[..., 0])
    flip[..., 2] = handedness
    rotation: Tensor = (u * flip[:, None, :]) @ vh
    return (moving.double() @ rotation).to(moving.dtype)


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
