"""Peptides in boxes of water: each box is one simulation, whose frames go to the folder of each peptide.

A box runs as a simulation of one peptide does (`replica.py`), and its phase space, waters included, is saved in a
folder of its own, ``_boxes/{id}`` beside those of the peptides. To save is to save every member first, and the box
last: a run that was killed in between goes on from the box's state, and the members are taken back to it. Which box a
member is in stands in its folder, as long as it lives: a box goes on with exactly the members that it began with.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import openmm

from jamun.config.simulate import SimulateSettings
from jamun.io.atomic import read_json, write_json
from jamun.io.disk import disk_errors
from jamun.io.files import STATE_COLUMNS
from jamun.io.seeds import derived_seed
from jamun.io.signals import StopRequest
from jamun.simulate.batch import Parts
from jamun.simulate.engine import Engine
from jamun.simulate.members import Member, Pending, joint_name
from jamun.simulate.output import thermodynamics
from jamun.simulate.progress import Progress, Saved
from jamun.simulate.protocol import PhaseSpace, phase_space, production_stage
from jamun.simulate.replica import Outlet, run_replica
from jamun.simulate.saved import load_system, save_system
from jamun.simulate.system import SimulationError
from jamun.simulate.water_box import water_box

# No peptide is called so.
_BOXES = "_boxes"
_MEMBERS, _BOX = "members.json", "box.json"
# What a member tells of the box that it is in: the rest of a row is not that of one peptide.
_OF_THE_BOX = ("time_ps", "temperature_k", "volume_nm3", "density_g_ml")


@dataclass(frozen=True)
class _Box:
    """A box: its folder, its members in the order in which they stand in it, and whether it has begun."""

    folder: Path
    members: list[Member]
    begun: bool


class BoxOutlet(Outlet):
    """Where the frames of a box go: to each member's folder; the phase space goes to the box's own."""

    def __init__(self, engine: Engine, progress: Progress, members: Sequence[Member]) -> None:
        super().__init__(engine, progress)
        self._members = members
        self._name = engine.name
        self._pending = Pending(members, Parts([member.engine.solvated for member in members]))

    def begin(self, stage: str, start: PhaseSpace, finished: list[dict[str, Any]]) -> None:
        """Save the start of a stage; where the production begins, that of each member before."""
        if stage == "production":
            self._pending.begin(start, [[self._share(record) for record in finished]] * len(self._members))
        super().begin(stage, start, finished)

    def _share(self, record: dict[str, Any]) -> dict[str, Any]:
        """A member's record of a stage of the box."""
        end = dict.fromkeys(STATE_COLUMNS) | {name: record["end"][name] for name in _OF_THE_BOX}
        return record | {"seconds": record["seconds"] / len(self._members), "end": end}

    def resume(self, held: set[str], step_ps: float) -> Saved:
        """The newest state of the box of which every member's is whole too; members are taken back to it."""
        while True:
            saved = self._progress.resume(held, step_ps)
            steps = saved.point.steps
            if saved.point.stage != "production" or all([_taken_back(m, steps, step_ps) for m in self._members]):
                break
            # What is missing of one is missing of all: the box goes back to its state before.
            self._progress.points = self._progress.points[1:]
            if not self._progress.points:
                raise SimulationError(
                    f"{self._progress.folder}: no state of the box fits those of {self._name}; restore their files, "
                    "or delete the folders of these peptides to simulate anew."
                )
        for member in self._members:
            member.progress.resumptions += 1
        return saved

    def add(self, context: openmm.Context, positions: np.ndarray, time: float, row: bool) -> None:
        """Keep a frame, `positions` (particles, 3) in nm at `time` in ps, and a row of each member's table."""
        self._pending.add(positions, time)
        if row:
            whole = thermodynamics(context, self._solvated, time)
            volume = {name: whole[name] for name in ("volume_nm3", "density_g_ml")}
            rows = self._pending.rows(phase_space(context).velocities, time)
            self._pending.add_rows([row | volume for row in rows])

    @property
    def full(self) -> bool:
        """Whether no more frames should be kept before they are saved."""
        return self._pending.full

    def save(self, context: openmm.Context, steps: int, seconds: float) -> None:
        """Save every member, if they are in their production, and the box."""
        if self._progress.newest.stage == "production":
            share = [seconds / len(self._members)] * len(self._members)
            self._pending.save(phase_space(context), steps, share)
        super().save(context, steps, seconds)

    def rescue(self) -> None:
        """Write what was kept of a simulation that failed, as well as it goes."""
        if self._progress.newest.stage == "production":
            self._pending.rescue()


def _taken_back(member: Member, steps: int, step_ps: float) -> bool:
    """Take a member back to its state after `steps` of the production; False if there is no whole one."""
    points = [point for point in member.progress.points if point.stage == "production" and point.steps <= steps]
    if not points or points[0].steps != steps:
        return False
    member.progress.points = points
    return member.progress.resume(set(), step_ps).point.steps == steps


def _box_of(member: Member, boxes: Path) -> str | None:
    """The box that a member is in, None if it has not begun."""
    path = member.progress.folder / _BOX
    if not path.exists():
        if member.progress.current is not None:
            raise SimulationError(
                f"{member.progress.folder} tells of no box that {member.engine.name} was simulated in; restore {_BOX} "
                "there, or delete the folder to simulate anew."
            )
        return None
    name = str(read_json(path)["box"])
    begun = member.progress.current is not None or Progress(boxes / name, name).current is not None
    return name if begun else None


def _boxes(members: Sequence[Member], most: int) -> list[_Box]:
    """The members by their boxes: those that have begun in theirs, others in new ones of at most `most`, alike."""
    # Beside the folders of the peptides, in which those of their replicas are.
    boxes = members[0].progress.folder.parent.parent / _BOXES
    begun: dict[str, list[Member]] = {}
    new: list[Member] = []
    for member in members:
        name = _box_of(member, boxes)
        (new if name is None else begun.setdefault(name, [])).append(member)
    found = [_Box(boxes / name, own, True) for name, own in begun.items()]
    for places in np.array_split(np.arange(len(new)), -(-len(new) // most)) if new else []:
        own = [new[place] for place in places]
        labels = json.dumps([member.label for member in own])
        found.append(_Box(boxes / hashlib.sha256(labels.encode()).hexdigest()[:16], own, False))
    return found


def _in_order(box: _Box) -> None:
    """Bring the members of a box that has begun into the order in which they stand in it.

    Raises SimulationError where one is not asked for, or if the box's files are gone.
    """
    path = box.folder / _MEMBERS
    order = {label: place for place, label in enumerate(read_json(path))} if path.exists() else {}
    missing = sorted(order.keys() - {member.label for member in box.members})
    if missing or not order:
        raise SimulationError(
            f"{box.folder}: the box of {joint_name(box.members)} lacks {', '.join(missing) or 'its files'}; ask for "
            "all of its peptides and replicas, or delete their folders to simulate anew."
        )
    box.members.sort(key=lambda member: order[member.label])


def _open(box: _Box, settings: SimulateSettings) -> tuple[Engine, Progress]:
    """The box as one simulation: made if it has not begun, else as it was saved."""
    if box.begun:
        _in_order(box)
    name, first = joint_name(box.members), box.members[0].engine
    labels = [member.label for member in box.members]
    seed = derived_seed(settings.seed, "box", *labels)
    progress = Progress(box.folder, name)
    if box.begun:
        solvated = load_system(box.folder, progress.system)
    else:
        if progress.current is not None:  # of a simulation that its members have left behind
            progress.discard()
            progress = Progress(box.folder, name)
        names = [member.engine.name for member in box.members]
        solvated = water_box([member.engine.solvated for member in box.members], names, settings, seed)
        box.folder.mkdir(parents=True, exist_ok=True)
        write_json(box.folder / _MEMBERS, labels)
        progress.system = save_system(solvated, box.folder)
        for member in box.members:
            write_json(member.progress.folder / _BOX, {"box": box.folder.name})
    return Engine(solvated, settings, seed, first.platform, first.properties, name), progress


def run_boxes(members: Sequence[Member], settings: SimulateSettings, stop: StopRequest) -> None:
    """Run all replicas to the end of their productions, one box after another.

    Raises Interrupted and SimulationError as a simulation by itself does, and SimulationError for a box that has begun
    with others than are asked for.
    """
    total = production_stage(settings).steps
    for box in _boxes(members, settings.peptides_per_box):
        if all(member.produced >= total for member in box.members):
            continue
        with disk_errors(box.folder, lambda: "everything up to the last saved state", SimulationError):
            engine, progress = _open(box, settings)
        run_replica(engine, progress, stop, BoxOutlet(engine, progress, box.members))
