"""Chains in batches and rounds until so many samples are accepted.

A round gives each of its chains the same number of jumps: as many as all chains that still run can make without there
being more accepted samples than asked for; then, while fewer are missing than there are chains, one for each of so many
chains, those with the fewest frames first. So which samples are made follows from the chains alone, whose numbers
depend on the seed and their index, and not on how many walk side by side, or where.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from jamun.config.sampling import SamplingSettings
from jamun.io.log import Interrupted
from jamun.io.signals import StopRequest
from jamun.sampling.block import Advance, Block, reject_mask
from jamun.sampling.checks import REASONS
from jamun.sampling.progress import Progress, State
from jamun.sampling.starts import SamplingError
from jamun.sampling.workers import Workers


@dataclass
class Clock:
    """When the state was last saved.

    interval: between saved states, s.
    earlier: seconds of earlier runs.
    """

    interval: float
    earlier: float = 0.0

    def __post_init__(self) -> None:
        self._began = self._saved = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Of this run and those before it."""
        return self.earlier + time.perf_counter() - self._began

    @property
    def due(self) -> bool:
        """Whether the state is to be saved."""
        return time.perf_counter() - self._saved > self.interval

    def saved(self) -> None:
        """Note that it was."""
        self._saved = time.perf_counter()


class Sampler:
    """Makes samples from wherever `state` is.

    Args:
        name: of the peptide, for messages.
        settings: how many samples, and which count.
        state: what was made so far.
        progress: where the state is saved.
        clock: when to save.
        stop: a signal that asks to end.
        accepted: called with how many samples were accepted since the last time.
    """

    def __init__(
        self,
        name: str,
        settings: SamplingSettings,
        state: State,
        progress: Progress,
        clock: Clock,
        stop: StopRequest,
        accepted: Callable[[int], object],
    ) -> None:
        self.name, self.settings, self.state, self.progress = name, settings, state, progress
        self.clock, self.stop, self.accepted = clock, stop, accepted
        self._reject = reject_mask(settings)

    def run(self, workers: Workers) -> None:
        """Go on until the asked number of samples is accepted, all of it saved.

        Raises SamplingError when no chain is left or too many samples are rejected, Interrupted when asked to stop;
        what was made is saved then.
        """
        state = self.state
        try:
            while len(state.members) or self._plan():
                self._round(workers)
                state.members = state.members[:0]
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
                f"after {state.counts['accepted']} samples; take a model that was trained on such peptides, train "
                "yours longer, or lower sampling.step."
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
        state.members, state.made = running, torch.zeros_like(state.made)
        state.rounds.append(state.written)
        return True

    def _round(self, workers: Workers) -> None:
        """All jumps of the round: a worker that is free takes the block that is furthest behind."""
        state, walking = self.state, 0
        waiting = [part.numpy() for part in state.members.split(state.batch)]
        waiting = [ids for ids in waiting if self._left_for(ids)]
        while waiting or walking:
            while waiting and walking < workers.count and not self.stop.signal:
                first = max(range(len(waiting)), key=lambda place: self._left_for(waiting[place]))
                workers.submit(self._block(waiting.pop(first)), self.progress.room // workers.count)
                walking += 1
            for made in workers.finished():
                walking -= 1
                self._take(made)
                if self._left_for(made.block.ids):
                    waiting.append(made.block.ids)
            if self.stop.signal:
                workers.stop()
                if not walking:
                    self._interrupt()
            elif self.clock.due or not self.progress.room:
                self._save()

    def _left_for(self, ids: np.ndarray) -> int:
        """Jumps that these chains have still to make in the round; none where no chain is left of them."""
        running = self.state.alive[ids]
        return self.state.jumps - int(self.state.made[ids][running].min()) if running.any() else 0

    def _block(self, ids: np.ndarray) -> Block:
        """These chains as they were left, or before their first step."""
        state = self.state
        # A compiled network is one for each size of the batch.
        rows = len(ids) if self.settings.compile == "off" else state.batch
        arrays: dict[str, Any] = {
            name: getattr(state, name)[ids].numpy()
            for name in ("y", "v", "force", "xhat", "steps", "alive", "entered", "lengths")
        }
        return Block(ids, **arrays, jumps=self._left_for(ids), rows=rows)

    def _take(self, made: Advance) -> None:
        """Note where the block is, and what it made."""
        state, block = self.state, made.block
        lost = int((state.alive[block.ids].numpy() & ~block.alive).sum())
        for name in ("y", "v", "force", "xhat", "steps", "alive", "entered", "lengths"):
            getattr(state, name)[block.ids] = torch.from_numpy(getattr(block, name))
        state.made[block.ids] = state.jumps - block.jumps
        accepted = int((made.flags & self._reject == 0).sum())
        counted = {
            "lost": lost,
            "accepted": accepted,
            "rejected_steps": made.rejected_steps,
            "evaluations": made.evaluations,
            "jump_evaluations": made.jump_evaluations,
        } | {name: int((made.flags >> place & 1).sum()) for place, name in enumerate(REASONS)}
        for name, count in counted.items():
            state.counts[name] += count
        if len(made.frames):
            self.progress.add(made.frames, made.numbers, made.chains, made.flags)
            self.accepted(accepted)

    def _save(self) -> None:
        self.state.seconds = self.clock.seconds
        self.progress.save(self.state)
        self.clock.saved()

    def _interrupt(self) -> None:
        """Save, and end as was asked for."""
        self._save()
        raise Interrupted(
            f"{self.name}: stopped by {self.stop.signal} after {self.state.counts['accepted']} of "
            f"{self.settings.samples} samples, all of it saved in {self.progress.folder}; the same command goes on "
            "from there."
        )
