"""How far simulations, trainings and samplings are, from their records and from the states that they save."""

import re
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from jamun.config.sampling import SamplingSettings
from jamun.config.simulate import SimulateSettings
from jamun.config.training import TrainingSettings
from jamun.io.atomic import read_json
from jamun.io.log import end_of

_VALIDATED = re.compile(
    r"(?P<time>\S+ \S+),\d+ INFO step (?P<step>\d+) of (?P<of>\d+): validation loss (?P<loss>\S+), \S+ steps/s, "
    r"(?P<left>\S+) s left"
)
_LOG_END = 2**18
# What reading a record that is not there, or is no record, ends with.
_UNREADABLE = (OSError, ValueError, KeyError, TypeError)


@dataclass(frozen=True)
class Progress:
    """How much is done of how much is asked; per day, and the seconds left at that rate, where they are known.

    stage: what is under way, where that is not yet what is counted; loss: of the last validation.
    """

    done: float
    asked: float
    per_day: float | None = None
    seconds_left: float | None = None
    stage: str = ""
    loss: float | None = None


def _left(missing: float, per_second: float, since: Path) -> float:
    """Seconds until `missing` is made, if it has gone on since the file was written."""
    return max(0.0, missing / per_second - (time.time() - since.stat().st_mtime))


def simulation(record: Path, work: Path, settings: SimulateSettings) -> Progress:
    """Nanoseconds of one peptide's MD: of the published `record`, or of the replicas in `work` at their last save."""
    asked = settings.production * settings.replicas * 1e-3
    with suppress(*_UNREADABLE):
        made = read_json(record)["production"]
        done = made["frames"] * made["frame_interval_ps"] * 1e-3
        return Progress(done, max(asked, done), made.get("ns_per_day"))
    done, seconds, stage, newest = 0.0, 0.0, "", work
    for path in sorted(work.glob("replica_*/progress.json")):
        try:
            point = read_json(path)["points"][0]
        except (OSError, ValueError, KeyError, IndexError):
            continue
        newest, stage = path, "" if point["stage"] == "production" else point["stage"]
        if not stage:
            done += point["steps"] * settings.timestep * 1e-6
            seconds += point["seconds"]
    if not done or not seconds:
        return Progress(done, asked, stage=stage)
    rate = done / seconds
    return Progress(done, asked, rate * 86400, _left(asked - done, rate, newest), stage)


def sampling(record: Path, work: Path, settings: SamplingSettings) -> Progress:
    """Accepted samples of one peptide: of the published `record`, or of the state in `work` at its last save."""
    with suppress(*_UNREADABLE):
        return Progress(read_json(record)["samples"]["accepted"], settings.samples)
    state = work / "state.pt"
    if not state.exists():
        return Progress(0, settings.samples)
    import torch  # slow to import, and needed for samplings under way only

    # A state that is being replaced, or is of another version, is not this command's to judge.
    with suppress(Exception):
        saved = torch.load(state, map_location="cpu", weights_only=True)["state"]
        done, seconds = saved["counts"]["accepted"], saved["seconds"]
        if done and seconds:
            left = _left(settings.samples - done, done / seconds, state)
            return Progress(done, settings.samples, done / seconds * 86400, left)
    return Progress(0, settings.samples)


def training(record: Path, log: Path, settings: TrainingSettings) -> Progress:
    """Steps of a training: of the published `record`, or of the last validation that its log tells of."""
    with suppress(*_UNREADABLE):
        made = read_json(record)
        return Progress(made["steps"], made["steps"], loss=made["best_validation_loss"])
    told = (_VALIDATED.fullmatch(line) for line in reversed(end_of(log, _LOG_END)))
    last = next(filter(None, told), None)
    if last is None:
        return Progress(0, settings.max_steps)
    since = time.time() - datetime.fromisoformat(last["time"]).timestamp()
    left = max(0.0, float(last["left"]) - since)
    return Progress(int(last["step"]), int(last["of"]), seconds_left=left, loss=float(last["loss"]))
