"""Chains in batches and rounds until so many samples are accepted.

A round gives each of its chains the same number of jumps, batch after batch: as many as all chains that still run can
make without there being more accepted samples than asked for; then, while fewer are missing than there are chains, one
for each of so many chains, those with the fewest frames first. So which samples are made follows from the chains alone,
whose numbers depend on the seed and their index, and not on how many walk side by side.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from jamun.config.sampling import SamplingSettings
from jamun.io.log import Interrupted
from jamun.io.seeds import derived_seed
from jamun.io.signals import StopRequest
from jamun.sampling.checks import REASONS, Checks
from jamun.sampling.jump import Correct, DenoiseAt, descend
from jamun.sampling.noise import ChainNoise
from jamun.sampling.progress import Progress, State
from jamun.sampling.starts import SamplingError
from jamun.sampling.walk import DRAWS_AT_START, Allowed, Chains, Place, corrector_draws, jump_is_due, jumps_by, walk_at

_BITS = 1 << np.arange(len(REASONS))


def reject_mask(settings: SamplingSettings) -> int:
    """The bits of flags for which a sample does not count."""
    return sum(int(bit) for bit, reason in zip(_BITS, REASONS, strict=True) if reason in settings.reject)


@dataclass
class _Batch:
    """The chains that walk side by side at present: their indices (rows,), which start each has, the noise of their
    jumps if these have a corrector, and how many evaluations are counted."""

    ids: np.ndarray
    chains: Chains
    starts: Tensor
    jump_noise: ChainNoise | None
    counted: int = 0


class Sampler:
    """Makes samples from wherever `state` is.

    Parameters: name, of the peptide, for messages; denoise(y, sigma), lengths in nm; starts (S, atoms, 3) in nm,
    float32 on the device; sigma in nm; checks of samples; stop, looked at after every step; accepted is called with
    how many samples were accepted since the last time.
    """

    def __init__(
        self,
        name: str,
        denoise: DenoiseAt,
        starts: Tensor,
        sigma: float,
        settings: SamplingSettings,
        seed: int,
        checks: Checks,
        state: State,
        progress: Progress,
        stop: StopRequest,
        accepted: Callable[[int], None],
    ) -> None:
        self.name, self.denoise, self.starts, self.sigma = name, denoise, starts, sigma
        self.settings, self.seed, self.checks = settings, seed, checks
        self.state, self.progress, self.stop, self.accepted = state, progress, stop, accepted
        self._reject = reject_mask(settings)
        self._earlier, self._began = state.seconds, time.perf_counter()
        self._saved = self._began

    @torch.no_grad()
    def run(self) -> None:
        """Go on until the asked number of samples is accepted, all of it saved.

        Raises SamplingError when no chain is left or too many samples are rejected, Interrupted when asked to stop;
        what was made is saved then.
        """
        state = self.state
        try:
            while len(state.members) or self._plan():
                while state.place < len(state.members):
                    self._run_batch()
                    state.place, state.done = state.place + state.batch, 0
                state.members, state.place = state.members[:0], 0
        except SamplingError:
            self._save()
            raise
        self._save()

    def _plan(self) -> bool:
        """Set up the next round; False if none is needed."""
        state, settings = self.state, self.settings
        missing = settings.samples - state.counts["accepted"]
        if missing <= 0:
            return False
        running = torch.nonzero(state.alive)[:, 0]
        if not len(running):
            raise SamplingError(
                f"{self.name}: all {settings.chains} chains left the molecule within {int(state.steps.max())} steps, "
                f"after {state.counts['accepted']} samples; train the model longer, or lower sampling.step."
            )
        allowed = int(settings.most_generated * settings.samples) - state.generated
        if allowed <= 0:
            flaws = ", ".join(f"{state.counts[name]} {name}" for name in ("lost", *settings.reject))
            raise SamplingError(
                f"{self.name}: {state.generated} samples were generated and {state.counts['accepted']} of "
                f"{settings.samples} accepted ({flaws}), which is all that sampling.most_generated "
                f"({settings.most_generated:g} times the samples) allows; train the model longer, or raise it."
            )
        budget = min(missing, allowed)
        state.jumps = max(1, budget // len(running))
        if budget < len(running):
            fewest = torch.argsort(state.lengths[running], stable=True)[:budget]
            running = running[fewest].sort().values
        state.members = running
        return True

    def _begin_batch(self) -> _Batch:
        """The chains of the present batch as they were left, or at their start."""
        state = self.state
        ids = state.members[state.place : state.place + state.batch].numpy()
        padded = ids
        if self.settings.compile != "off":
            # A compiled network is one for each size of the batch: spare rows repeat the first chain, for nothing.
            padded = np.concatenate([ids, np.repeat(ids[:1], state.batch - len(ids))])
        device = self.starts.device
        starts = torch.as_tensor(padded % len(self.starts), device=device)
        steps = state.steps[padded].numpy()
        # Chains stopped on the way draw along with the others, so that all numbers of a step lie side by side.
        steps = np.where(state.alive[padded].numpy(), steps, steps.max())
        fresh = not steps.any()
        origin = self.starts[starts]
        drawn = np.zeros_like(steps) if fresh else steps + DRAWS_AT_START
        noise = ChainNoise(self.seed, padded, origin.shape[1], origin.dtype, device, drawn)
        place = None
        if not fresh:
            place = state.place_of(padded, device)
            if self.settings.integrator != "BAOAB":
                place = place._replace(force=None)
        chains = Chains(
            lambda y: self.denoise(y, self.sigma),
            origin,
            self.sigma,
            self.settings,
            noise,
            place,
            state.alive[padded].to(device),
            allowed=self._allowed(starts),
            entered=state.entered[padded].to(device),
        )
        jump_noise = None
        if draws := corrector_draws(self.settings):
            # Of its own, so that the walk is the same whatever its jumps do.
            seed, jumped = derived_seed(self.seed, "jump"), jumps_by(steps, self.settings) * draws
            jump_noise = ChainNoise(seed, padded, origin.shape[1], origin.dtype, device, jumped)
        return _Batch(ids, chains, starts, jump_noise)

    def _allowed(self, starts: Tensor) -> Allowed | None:
        """Where chains from these starts (rows,) may walk."""
        if not self.settings.keep_chirality:
            return None
        return lambda xhat: self.checks.keep_chirality(xhat, starts)

    def _run_batch(self) -> None:
        """The jumps that the present batch has still to make in this round, or fewer if no chain is left of it."""
        state, batch = self.state, self._begin_batch()
        alive = state.alive[batch.ids]
        while state.done < state.jumps and alive.any():
            before, samples = alive, None
            turned = batch.chains.step()
            if self.settings.keep_chirality:
                state.counts["turned_back"] += int(turned[: len(batch.ids)].sum())
            state.steps[batch.ids] += before.long()
            step = int(state.steps[batch.ids][before][0])  # in a batch, chains differ by whole strides
            if jump_is_due(step, self.settings):
                samples = self._jump(batch)
                state.done += 1
            alive = batch.chains.alive[: len(batch.ids)].cpu()
            state.alive[batch.ids] = alive
            state.counts["lost"] += int((before & ~alive).sum())
            if samples is not None and alive.any():
                self._write(batch, samples, alive)
            self._pause(batch)
        self._leave(batch)

    def _corrector(self, batch: _Batch) -> Correct | None:
        """Steps of the walk at a level of the jump, if any are asked for."""
        noise, allowed = batch.jump_noise, self._allowed(batch.starts)
        if noise is None:
            return None
        return lambda y, xhat, level, steps: walk_at(
            lambda at: self.denoise(at, level), y, xhat, level, steps, self.settings, noise, allowed=allowed
        )

    def _jump(self, batch: _Batch) -> Tensor:
        """Samples (rows, atoms, 3) from where the chains are; those that leave the molecule on the way are stopped."""
        walk, settings = batch.chains.walk, self.settings
        levels = settings.jump_sigmas
        samples = descend(
            self.denoise,
            walk.evaluated,
            walk.xhat,
            self.sigma,
            levels,
            settings.jump_order,
            correct=self._corrector(batch),
            corrector_steps=settings.corrector_steps,
        )
        if levels:
            batch.chains.keep_inside(samples)
            seen = len(levels) + sum(settings.corrector_steps)
            self.state.counts["evaluations"] += seen
            self.state.counts["jump_evaluations"] += seen
        return samples

    def _write(self, batch: _Batch, samples: Tensor, alive: Tensor) -> None:
        """Check the samples of the chains that still run, and keep them for the next save."""
        state = self.state
        rows = torch.nonzero(alive)[:, 0]
        ids = batch.ids[rows.numpy()]
        on_device = rows.to(samples.device)
        samples = samples[on_device]
        found = self.checks(samples, batch.starts[on_device]).cpu().numpy()
        flags = found @ _BITS
        state.lengths[ids] += 1
        self.progress.add(
            samples.cpu().numpy().astype(np.float32, copy=True), state.lengths[ids].numpy(), ids, flags.astype(np.uint8)
        )
        for name, count in zip(REASONS, found.sum(0), strict=True):
            state.counts[name] += int(count)
        accepted = int((flags & self._reject == 0).sum())
        state.counts["accepted"] += accepted
        self.accepted(accepted)

    def _leave(self, batch: _Batch) -> None:
        """Note in the state where the batch is."""
        state, walk, rows = self.state, batch.chains.walk, len(batch.ids)
        state.note(batch.ids, Place(*(None if value is None else value[:rows] for value in walk.place)))
        state.entered[batch.ids] = batch.chains.entered[:rows].cpu()
        state.counts["evaluations"] += walk.evaluations - batch.counted
        batch.counted = walk.evaluations

    def _save(self) -> None:
        self.state.seconds = self._earlier + time.perf_counter() - self._began
        self.progress.save(self.state)
        self._saved = time.perf_counter()

    def _pause(self, batch: _Batch) -> None:
        """Save where that is due; end where that was asked for."""
        overdue = time.perf_counter() - self._saved > self.settings.checkpoint_interval
        if self.stop.signal or overdue or self.progress.full:
            self._leave(batch)
            self._save()
        if self.stop.signal:
            raise Interrupted(
                f"{self.name}: stopped by {self.stop.signal} after {self.state.counts['accepted']} of "
                f"{self.settings.samples} samples, all of it saved in {self.progress.folder}; the same command goes on "
                "from there."
            )
