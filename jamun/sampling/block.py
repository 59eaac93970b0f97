"""Some chains, walked on from where they are: what a worker does, and no file is touched by it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from jamun.config.sampling import SamplingSettings
from jamun.io.seeds import derived_seed
from jamun.sampling.annealing import Annealing, Correct, annealed_denoising
from jamun.sampling.checks import REASONS, Checks
from jamun.sampling.integrators import PhaseSpaceState
from jamun.sampling.noise import ChainNoise
from jamun.sampling.score import DenoiseAt
from jamun.sampling.walk import (
    DRAWS_AT_START,
    Allowed,
    Chains,
    Dynamics,
    corrector_draws,
    jump_is_due,
    jumps_by,
    walk_at,
)

BITS = 1 << np.arange(len(REASONS))


def reject_mask(settings: SamplingSettings) -> int:
    """The bits of flags for which a sample does not count."""
    return sum(int(bit) for bit, reason in zip(BITS, REASONS, strict=True) if reason in settings.reject)


@dataclass(frozen=True)
class Block:
    """Chains that walk side by side, and where they are; arrays, so that it travels to other processes.

    ids: (rows,) int64, which chains.
    y, v, force, xhat: (rows, atoms, 3) float32, see PhaseSpaceState.
    steps: (rows,) int64, steps each made.
    alive, entered: (rows,) bool, see Chains.
    lengths: (rows,) int64, frames each wrote.
    jumps: how many each has still to make.
    rows: chains that are computed; those beyond `ids` repeat the first, for nothing.
    """

    ids: np.ndarray
    y: np.ndarray
    v: np.ndarray
    force: np.ndarray
    xhat: np.ndarray
    steps: np.ndarray
    alive: np.ndarray
    entered: np.ndarray
    lengths: np.ndarray
    jumps: int
    rows: int


@dataclass(frozen=True)
class Advance:
    """What a block made.

    block: where its chains are now.
    frames: (F, atoms, 3) float32 nm, in the order in which they were made.
    numbers, chains: (F,) int64, the number of each in its chain, from 1, and its chain.
    flags: (F,) uint8, bits of REASONS from the lowest.
    rejected_steps: steps that were rejected.
    evaluations, jump_evaluations: of the network, all and those of jumps.
    """

    block: Block
    frames: np.ndarray
    numbers: np.ndarray
    chains: np.ndarray
    flags: np.ndarray
    rejected_steps: int
    evaluations: int
    jump_evaluations: int


@dataclass(frozen=True)
class Walkers:
    """What all blocks of a sampling have in common.

    denoise: y (rows, atoms, 3) and sigma, in nm, to the estimate.
    starts: (S, atoms, 3) float32 nm, on the device; chain i begins at start i modulo S.
    sigma: of the walk, nm.
    settings: how it goes.
    seed: of the peptide.
    checks: of samples.
    """

    denoise: DenoiseAt
    starts: Tensor
    sigma: float
    settings: SamplingSettings
    seed: int
    checks: Checks

    @torch.no_grad()
    def advance(self, block: Block, enough: Callable[[int], bool]) -> Advance:
        """Walk on until the block's jumps are made, no chain is left of it, or `enough`, which is asked after every
        step with the bytes of frames that were made, is true.

        What is made does not depend on where that was: the next call goes on as if there had been none.
        """
        return _Run(self, block).until(enough)


class _Run:
    """A block while it walks."""

    def __init__(self, walkers: Walkers, block: Block) -> None:
        self.block, self.walkers, settings = block, walkers, walkers.settings
        device = walkers.starts.device
        padded = np.concatenate([block.ids, np.repeat(block.ids[:1], block.rows - len(block.ids))])
        row = np.concatenate([np.arange(len(block.ids)), np.zeros(block.rows - len(block.ids), dtype=np.int64)])
        self.starts = torch.as_tensor(padded % len(walkers.starts), device=device)
        steps = block.steps[row]
        # Chains stopped on the way draw along with the others, so that all numbers of a step lie side by side.
        steps = np.where(block.alive[row], steps, steps.max())
        fresh = not steps.any()
        origin = walkers.starts[self.starts]
        drawn = np.zeros_like(steps) if fresh else steps + DRAWS_AT_START
        noise = ChainNoise(walkers.seed, padded, origin.shape[1], origin.dtype, device, drawn)
        arrays = {name: torch.from_numpy(getattr(block, name)[row]).to(device) for name in PhaseSpaceState._fields}
        self.chains = Chains(
            self._dynamics(walkers.sigma),
            noise,
            origin,
            None if fresh else PhaseSpaceState(**arrays),
            torch.from_numpy(block.alive[row]).to(device),
            torch.from_numpy(block.entered[row]).to(device),
        )
        self.jump_noise = None
        if draws := corrector_draws(settings):
            # Of its own, so that the walk is the same whatever its jumps do.
            seed, jumped = derived_seed(walkers.seed, "jump"), jumps_by(steps, settings) * draws
            self.jump_noise = ChainNoise(seed, padded, origin.shape[1], origin.dtype, device, jumped)
        self.steps, self.alive, self.lengths = block.steps.copy(), block.alive.copy(), block.lengths.copy()
        self.jumps, self.rejected_steps, self.jump_evaluations, self.bytes = block.jumps, 0, 0, 0
        self.made: list[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]] = []

    def _allowed(self) -> Allowed | None:
        """Where the chains may walk."""
        if not self.walkers.settings.keep_chirality:
            return None
        return lambda xhat: self.walkers.checks.keep_chirality(xhat, self.starts)

    def until(self, enough: Callable[[int], bool]) -> Advance:
        """See Walkers.advance."""
        settings, rows = self.walkers.settings, len(self.block.ids)
        while self.jumps and self.alive.any():
            before, samples = self.alive, None
            rejected = self.chains.step()
            if settings.keep_chirality:
                self.rejected_steps += int(rejected[:rows].sum())
            self.steps[before] += 1
            # In a block, chains differ by whole strides.
            if jump_is_due(int(self.steps[before][0]), settings):
                samples = self._jump()
                self.jumps -= 1
            self.alive = self.chains.alive[:rows].cpu().numpy()
            if samples is not None and self.alive.any():
                self._keep(samples)
            if enough(self.bytes):
                break
        return self._left()

    def _dynamics(self, level: float) -> Dynamics:
        """The walk at a noise level (nm)."""
        denoise, settings = self.walkers.denoise, self.walkers.settings
        return Dynamics.from_settings(lambda y: denoise(y, level), level, settings, allowed=self._allowed())

    def _corrector(self) -> Correct | None:
        """Steps of the walk at a level of the jump, if any are asked for."""
        noise = self.jump_noise
        if noise is None:
            return None
        return lambda y, xhat, level, steps: walk_at(self._dynamics(level), y, xhat, steps, noise)

    def _jump(self) -> Tensor:
        """Samples (rows, atoms, 3) from where the chains are; those that leave the molecule on the way are stopped."""
        walk, walkers, settings = self.chains.walk, self.walkers, self.walkers.settings
        annealing = Annealing(settings.jump_sigmas, settings.jump_order, settings.corrector_steps, self._corrector())
        samples = annealed_denoising(walkers.denoise, walk.evaluated, walk.state.xhat, walkers.sigma, annealing)
        if annealing.levels:
            self.chains.keep_inside(samples)
            self.jump_evaluations += annealing.evaluations
        return samples

    def _keep(self, samples: Tensor) -> None:
        """Check the samples of the chains that still run, and keep them."""
        rows = np.flatnonzero(self.alive)
        on_device = torch.as_tensor(rows, device=samples.device)
        samples = samples[on_device]
        found = self.walkers.checks(samples, self.starts[on_device]).cpu().numpy()
        self.lengths[rows] += 1
        frames = samples.cpu().numpy().astype(np.float32, copy=True)
        self.made.append((frames, self.lengths[rows], self.block.ids[rows], (found @ BITS).astype(np.uint8)))
        self.bytes += frames.nbytes

    def _left(self) -> Advance:
        """What was made, and where the chains are; a force that there is not stays as it was."""
        walk, rows = self.chains.walk, len(self.block.ids)
        state: dict[str, Any] = {
            name: value[:rows].float().cpu().numpy()
            for name, value in walk.state._asdict().items()
            if value is not None
        }
        block = replace(
            self.block,
            **state,
            steps=self.steps,
            alive=self.alive,
            entered=self.chains.entered[:rows].cpu().numpy(),
            lengths=self.lengths,
            jumps=self.jumps,
        )
        none, no_frames = np.zeros(0, np.int64), np.zeros((0, *self.block.y.shape[1:]), np.float32)
        nothing = no_frames, none, none, none.astype(np.uint8)
        frames, numbers, chains, flags = (np.concatenate(part) for part in zip(nothing, *self.made, strict=True))
        evaluations = walk.evaluations + self.jump_evaluations
        return Advance(block, frames, numbers, chains, flags, self.rejected_steps, evaluations, self.jump_evaluations)
