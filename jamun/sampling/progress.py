"""How far sampling has come, on disk: saved so that a run killed at any moment goes on as if it had not been.

A folder holds samples.xtc and flags.bin, which only grow, and state.pt, which tells where every chain is and the sizes
up to which the growing files belong to that. To save is to append, and then to rename the state into place: whatever
happens before that rename leaves the state before, and what was appended past its sizes is cut off later.
"""

from __future__ import annotations

import json
import logging
import pickle
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from jamun.io.atomic import atomic_path
from jamun.io.disk import append, link_or_copy, sync_folder, trim
from jamun.io.xtc import copy_frames, frame_index, xtc_bytes
from jamun.sampling.integrators import PhaseSpaceState

logger = logging.getLogger(__name__)

SAMPLES, FLAGS, _STATE, _SEGMENT = "samples.xtc", "flags.bin", "state.pt", "segment.xtc"
_FORMAT = 3
# Bytes of frames that wait in memory for the next saved state at most.
_MOST_WAITING = 32 * 2**20


def _no_counts() -> dict[str, int]:
    names = ["accepted", "lost", "broken", "inverted", "clash", "rejected_steps"]
    return dict.fromkeys([*names, "evaluations", "jump_evaluations", "resumptions"], 0)


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What is other now than before, by name, as words."""
    return [
        f"{key} from {json.dumps(before.get(key))} to {json.dumps(now.get(key))}"
        for key in dict.fromkeys([*now, *before])
        if before.get(key) != now.get(key)
    ]


@dataclass
class State:
    """Where all chains are, on the CPU.

    y, v, force, xhat: (chains, atoms, 3), see PhaseSpaceState, of chains that made a step.
    steps: (chains,) int64, steps each made.
    alive, entered: (chains,) bool, see Chains.
    lengths: (chains,) int64, frames each wrote.
    members: chains of the round that is under way, int64, in order, none between rounds.
    made: (chains,) int64, jumps that each of them made in it.
    batch: chains side by side.
    jumps: how many each of the members makes in the round.
    rounds: frames that were written before each round.
    counts: of frames accepted, chains lost, frames with each flaw, steps that were rejected, evaluations of the network
        (those of jumps also apart), and resumptions.
    seconds: wall clock.
    sizes: bytes of the growing files.
    """

    y: Tensor
    v: Tensor
    force: Tensor
    xhat: Tensor
    steps: Tensor
    alive: Tensor
    entered: Tensor
    lengths: Tensor
    members: Tensor
    made: Tensor
    batch: int
    jumps: int = 0
    rounds: list[int] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=_no_counts)
    seconds: float = 0.0
    sizes: dict[str, int] = field(default_factory=lambda: {SAMPLES: 0, FLAGS: 0})

    @classmethod
    def new(cls, chains: int, atoms: int, batch: int) -> State:
        """Before the first step."""
        y, v, force, xhat = (torch.zeros(chains, atoms, 3) for _ in PhaseSpaceState._fields)
        steps, lengths, made = (torch.zeros(chains, dtype=torch.int64) for _ in range(3))
        alive, members = torch.ones(chains, dtype=torch.bool), torch.empty(0, dtype=torch.int64)
        return cls(y, v, force, xhat, steps, alive, ~alive, lengths, members, made, batch)

    @property
    def written(self) -> int:
        """Frames in samples.xtc."""
        return int(self.lengths.sum())

    @property
    def generated(self) -> int:
        """Samples made: those written, and the last of each lost chain."""
        return self.written + self.counts["lost"]


class Progress:
    """The saved state in a folder, and the frames made since. Methods that write raise OSError where the disk refuses.

    identity: what decides the samples, as JSON's types; a state that was saved with another is not gone on with.
    """

    def __init__(self, folder: Path, label: str, identity: dict[str, Any]) -> None:
        self.folder, self._label = folder, label
        self._identity = json.loads(json.dumps(identity))
        self._frames: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._flags: list[np.ndarray] = []
        self._bytes = 0

    def load(self) -> State | None:
        """The saved state; None, told in the log, where there is none that can be gone on with."""
        path = self.folder / _STATE
        if not path.exists():
            return None
        try:
            content = torch.load(path, map_location="cpu", weights_only=True)
            if content["format"] != _FORMAT:
                raise ValueError(f"format {content['format']}, not {_FORMAT}")
            before, state = json.loads(content["identity"]), State(**content["state"])
        except (OSError, RuntimeError, ValueError, EOFError, KeyError, TypeError, pickle.UnpicklingError) as error:
            reason = " ".join(str(error).split())[:120]
            logger.warning("%s: %s cannot be read (%s), so sampling starts anew.", self._label, path, reason)
            return None
        if changed := differences(before, self._identity):
            logger.warning("%s: sampling starts anew, since it changed: %s", self._label, "; ".join(changed))
            return None
        for name, size in state.sizes.items():
            if size and not ((path := self.folder / name).exists() and path.stat().st_size >= size):
                logger.warning("%s: %s is missing or cut short, so sampling starts anew.", self._label, name)
                return None
        return state

    def clear(self) -> None:
        """Forget what is saved; the state goes first, so that no part of the rest is ever taken for the whole."""
        left = [self.folder / name for name in (_STATE, SAMPLES, FLAGS, _SEGMENT)]
        for path in (*left, *self.folder.glob(f".{Path(_STATE).stem}.*")):  # the latter of a kill
            path.unlink(missing_ok=True)

    def add(self, frames: np.ndarray, numbers: np.ndarray, chains: np.ndarray, flags: np.ndarray) -> None:
        """Keep frames for the next save.

        frames (F, atoms, 3) float32 in nm, numbers (F,) of each in its chain from 1, chains (F,) from 0, flags (F,)
        uint8, whose bits are those of jamun.sampling.checks.REASONS from the lowest.
        """
        self._frames.append((frames, numbers, chains))
        self._flags.append(flags)
        self._bytes += frames.nbytes

    @property
    def room(self) -> int:
        """Bytes of frames that may still wait before the state should be saved."""
        return max(0, _MOST_WAITING - self._bytes)

    def save(self, state: State) -> None:
        """Append the frames that wait, and save the state; `state.sizes` become those of the files."""
        if self._frames:
            frames, numbers, chains = (np.concatenate(part) for part in zip(*self._frames, strict=True))
            xtc = xtc_bytes(frames, numbers.astype(np.float32), chains.astype(np.int32), self.folder / _SEGMENT)
            flags = np.concatenate(self._flags).astype(np.uint8).tobytes()
            for name, content in ((SAMPLES, xtc), (FLAGS, flags)):
                append(self.folder / name, state.sizes[name], content)
            sync_folder(self.folder)
            state.sizes = {SAMPLES: state.sizes[SAMPLES] + len(xtc), FLAGS: state.sizes[FLAGS] + len(flags)}
        kept = {each.name: getattr(state, each.name) for each in fields(state)}
        with atomic_path(self.folder / _STATE) as temporary:
            torch.save({"format": _FORMAT, "identity": json.dumps(self._identity), "state": kept}, temporary)
        sync_folder(self.folder)
        self._frames, self._flags, self._bytes = [], [], 0

    def publish(self, state: State, samples: Path) -> np.ndarray:
        """Give the saved frames their name, ordered by round, number in their chain, and chain, whichever batch was
        written first. Returns their flags (F,) uint8. What is saved stays as it is."""
        trim(self.folder, state.sizes)
        source = self.folder / SAMPLES
        index = frame_index(source)
        rounds = np.searchsorted(state.rounds, np.arange(len(index.chains)), side="right")
        order = np.lexsort((index.chains, index.numbers, rounds))
        with atomic_path(samples) as temporary:
            temporary.unlink(missing_ok=True)
            if (np.diff(order) > 0).all():
                link_or_copy(source, temporary)
            else:
                copy_frames(source, temporary, index, order)
        return np.fromfile(self.folder / FLAGS, dtype=np.uint8)[order]
