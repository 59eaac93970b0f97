"""Simulations that run as one system: what each of them has to write, and where each stands."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import openmm

from jamun.peptides.build import reference_context
from jamun.simulate.batch import Parts
from jamun.simulate.engine import Engine
from jamun.simulate.output import Chunk, kinetics
from jamun.simulate.progress import Progress
from jamun.simulate.protocol import PhaseSpace

# Bytes of frames kept in memory between two saved states.
_MOST_BYTES = 2 * 2**30


@dataclass(eq=False)  # each is itself, whatever its arrays hold
class Member:
    """One replica of one peptide.

    engine: its system by itself, without solvent, and its name;
    progress: how far it has come, in a folder of its own;
    phase: where it is, of its own, centred; None before its production, and not kept in a box of water.
    """

    engine: Engine
    progress: Progress
    phase: PhaseSpace | None = None

    @property
    def label(self) -> str:
        """What tells it from all others: ``AS/replica_1``."""
        return f"{self.progress.folder.parent.name}/{self.progress.folder.name}"

    @property
    def produced(self) -> int:
        """Steps of the production that are saved, -1 before it."""
        point = self.progress.current
        return -1 if point is None or point.stage != "production" else point.steps


def joint_name(members: Sequence[Member]) -> str:
    """What many are called in messages."""
    names = [member.engine.name for member in members]
    return names[0] if len(names) == 1 else f"{names[0]} to {names[-1]} ({len(names)} batched)"


class Pending:
    """Frames and rows of members since the last saved state, in memory until the next."""

    def __init__(self, members: Sequence[Member], parts: Parts) -> None:
        self._members, self._parts = members, parts
        self._peptides: dict[str, openmm.Context] = {}
        self.clear()

    def clear(self) -> None:
        """Forget what is saved by now."""
        self._frames: list[np.ndarray] = []
        self._times: list[float] = []
        self._table: list[list[dict[str, float | None]]] = []

    @property
    def full(self) -> bool:
        """Whether no more frames should be kept before they are saved."""
        return bool(self._frames) and len(self._frames) * self._frames[0].nbytes > _MOST_BYTES

    def begin(self, start: PhaseSpace, finished: Sequence[list[dict[str, Any]]]) -> None:
        """Save where each member's production begins, after the records of its stages before."""
        positions = self._parts.centred(start.positions)
        for member, part, records in zip(self._members, self._parts.slices, finished, strict=True):
            velocities = None if start.velocities is None else start.velocities[part]
            member.phase = PhaseSpace(positions[part], velocities, None)
            member.progress.begin("production", member.phase, records)

    def add(self, positions: np.ndarray, time: float) -> None:
        """Append one frame: `positions` (particles, 3) in nm, `time` in ps."""
        self._frames.append(self._parts.centred(positions).astype(np.float32))
        self._times.append(time)

    def rows(self, velocities: np.ndarray | None, time: float) -> list[dict[str, float | None]]:
        """A row of thermodynamics of each member: of one among many only the kinetic energy is known.

        `velocities` (particles, 3) in nm/ps, None for none yet; `time` in ps.
        """
        if velocities is None:
            velocities = np.zeros((self._parts.count, 3))
        energies = self._parts.kinetic_energies(velocities)
        return [
            kinetics(float(energy), member.engine.solvated, time)
            for energy, member in zip(energies, self._members, strict=True)
        ]

    def add_rows(self, rows: list[dict[str, float | None]]) -> None:
        """Append one row of thermodynamics of each member."""
        self._table.append(rows)

    def _chunks(self) -> Iterator[Chunk]:
        """What each member has to write."""
        frames = np.stack(self._frames) if self._frames else None
        for place, (member, part) in enumerate(zip(self._members, self._parts.slices, strict=True)):
            chunk = Chunk(member.progress.newest.frames)
            if frames is not None:
                chunk.extend(frames[:, part], self._times)
            for rows in self._table:
                chunk.add_row(rows[place])
            yield chunk

    def save(self, now: PhaseSpace, steps: int, seconds: Sequence[float]) -> None:
        """Save every member at `now`, after `steps` and `seconds` (members,) of its production."""
        positions, velocities = self._parts.centred(now.positions), now.velocities
        assert velocities is not None, "it runs"
        for member, part, chunk, wall in zip(self._members, self._parts.slices, self._chunks(), seconds, strict=True):
            member.phase = PhaseSpace(positions[part], velocities[part], None)
            # A checkpoint of the whole is of no use to any one.
            member.progress.save(steps, wall, chunk, self._xml(member), b"", {})
        self.clear()

    def _xml(self, member: Member) -> str:
        """The State of a replica as OpenMM's XML, by a context a peptide, without which none can be made."""
        peptide = member.progress.folder.parent.name
        if peptide not in self._peptides:
            self._peptides[peptide] = reference_context(member.engine.solvated.system)
        context = self._peptides[peptide]
        assert member.phase is not None, "it is saved in its production"
        context.setPositions(member.phase.positions)
        context.setVelocities(member.phase.velocities)
        return openmm.XmlSerializer.serialize(context.getState(positions=True, velocities=True, parameters=True))

    def rescue(self) -> None:
        """Append what is kept to each member's files, without a state."""
        for member, chunk in zip(self._members, self._chunks(), strict=True):
            member.progress.append(chunk)
