"""When MD becomes as good as the model: the wall clock from which its distance stays below the model's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

AT_ONCE = "at once"
NEVER = "never within the data"
_NO_CURVE = "a wall clock is not recorded, or there is nothing to compare"
_APART = "the MD ends before the model's first samples"

Curve = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Overtaking:
    """The wall clock of the overtaking, s, or None and the `reason`; `last` is where the MD's curve ends, s."""

    seconds: float | None
    reason: str | None
    last: float | None


def curve(convergence: dict[str, Any] | None, group: str, factor: float = 1.0) -> Curve:
    """Seconds, times `factor`, and JS (n,) of a group of torsions, of points that have both; none without a curve."""
    if not convergence:
        return np.empty(0), np.empty(0)
    pairs = [
        (seconds * factor, js)
        for seconds, js in zip(convergence["seconds"], convergence[group], strict=True)
        if seconds and js is not None and np.isfinite(js)
    ]
    seconds, js = np.array(pairs, dtype=float).reshape(-1, 2).T
    return seconds, js


def overtaking(samples: Curve, md: Curve) -> Overtaking:
    """When the MD's curve falls below the samples' for good.

    Curves are seconds (n,), rising, and JS (n,), linear in the logarithm of time between their points. After its end
    the samples' curve stays as it is, though more samples could only bring it nearer to the model's own limit; so the
    model never wins by being left to run. Compared is from the first time that both have a value to the MD's end.
    """
    if not len(samples[0]) or not len(md[0]):
        return Overtaking(None, _NO_CURVE, None)
    start, end = max(samples[0][0], md[0][0]), float(md[0][-1])
    if start > end:
        return Overtaking(None, _APART, end)
    inside = np.concatenate([samples[0], md[0], [start]])
    times = np.log(np.unique(inside[(inside >= start) & (inside <= end)]))
    lead = np.interp(times, np.log(md[0]), md[1]) - np.interp(times, np.log(samples[0]), samples[1])
    behind = np.flatnonzero(lead >= 0)
    if not len(behind):
        return Overtaking(None, AT_ONCE, end)
    before = behind[-1]
    if before == len(lead) - 1:
        return Overtaking(None, NEVER, end)
    share = lead[before] / (lead[before] - lead[before + 1])
    return Overtaking(float(np.exp(times[before] + share * (times[before + 1] - times[before]))), None, end)
