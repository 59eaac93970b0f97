"""The random numbers of each chain, found by counting: whatever a chain needs follows from its index and its steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from jamun.io.seeds import derived_seed

# Draws of a chain that are made at a time, from a generator of their own; the numbers depend on it.
_BLOCK = 32


class ChainNoise:
    """Standard normal numbers (chains, atoms, 3).

    A chain's numbers depend on the seed, its index and how many were drawn before, whatever chains are beside it. So
    nothing of the generators has to be saved: `drawn` (chains,) says how many draws each chain has made.
    """

    def __init__(
        self,
        seed: int,
        chains: Sequence[int] | np.ndarray,
        atoms: int,
        dtype: torch.dtype,
        device: torch.device,
        drawn: np.ndarray | None = None,
    ) -> None:
        self._seed, self._chains = seed, np.asarray(chains, dtype=np.int64)
        self._drawn = np.zeros(len(self._chains), dtype=np.int64) if drawn is None else np.array(drawn, dtype=np.int64)
        self._held = np.full(len(self._chains), -1)  # which block of each chain is in `_ready`
        self._ready = torch.empty(_BLOCK, len(self._chains), atoms, 3, dtype=dtype, device=device)
        self._rows = torch.arange(len(self._chains), device=device)

    def _block(self, chain: int, block: int) -> Tensor:
        generator = torch.Generator().manual_seed(derived_seed(self._seed, "chain", chain, block))
        shape = (_BLOCK, *self._ready.shape[2:])
        return torch.randn(shape, generator=generator, dtype=torch.float64)

    def __call__(self) -> Tensor:
        """The next numbers of every chain."""
        blocks, places = np.divmod(self._drawn, _BLOCK)
        stale = np.flatnonzero(blocks != self._held)
        if len(stale):
            drawn = [self._block(int(self._chains[row]), int(blocks[row])) for row in stale]
            rows = torch.as_tensor(stale, device=self._ready.device)
            self._ready[:, rows] = torch.stack(drawn, 1).to(self._ready.dtype).to(self._ready.device)
            self._held[stale] = blocks[stale]
        self._drawn += 1
        if (places == places[0]).all():
            return self._ready[int(places[0])].clone()
        return self._ready[torch.as_tensor(places, device=self._ready.device), self._rows]
