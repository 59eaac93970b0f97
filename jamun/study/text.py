"""Numbers and tables as Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import Path

from jamun.evaluation.tables import DASH, duration, interval, percent, significant
from jamun.study.statistics import Mean

_FORMATS = {"distance": lambda value: f"{value:.3f}", "share": percent, "number": significant, "time": duration}
_FORMATS["factor"] = lambda value: f"{significant(value)}×"


def number(value: float | None, kind: str = "distance") -> str:
    """A number of a kind (distance, share, factor, number, time), a dash where there is none."""
    if value is None or not math.isfinite(value):
        return DASH
    # A share of samples can be far below what two digits show.
    if kind == "share" and 0 < value < 1e-4:
        return f"{100 * value:.2g} %"
    return _FORMATS[kind](value)


def with_interval(value: float | None, low: float | None, high: float | None, kind: str = "distance") -> str:
    """A number and its interval, where it has one."""
    text = number(value, kind)
    if text == DASH or low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return text
    # As many digits as the number has, so that an end is not rounded onto a bar.
    ends = f"[{low:.3f}, {high:.3f}]" if kind == "distance" else interval(low, high, kind)
    return f"{text} {ends}"


def of_mean(found: Mean, kind: str = "distance", signed: bool = False) -> str:
    """A mean over peptides with its interval; `signed` puts a sign before differences."""
    if signed and found.value is not None:
        ends = "" if found.low is None else f" [{found.low:+.3f}, {found.high:+.3f}]"
        return f"{found.value:+.3f}{ends}".replace("-", "−")
    return with_interval(found.value, found.low, found.high, kind)


def of_estimate(estimate: dict | None, kind: str = "distance") -> str:
    """Evaluation's estimate, a mapping with value, low and high."""
    estimate = estimate or {}
    return with_interval(estimate.get("value"), estimate.get("low"), estimate.get("high"), kind)


def hours(value: float) -> str:
    """Hours, to a thousandth at most."""
    return significant(value) if value >= 0.1 else f"{value:.3f}"


def degrees(radians: float) -> str:
    """An angle in whole degrees."""
    return f"{round(math.degrees(radians))}°".replace("-", "−")


def residue(row: dict) -> str:
    """``Ala1`` of a row with a residue's name and place."""
    return f"{row['residue_name'].capitalize()}{row['residue']}"


def _safe(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def table(names: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 1) -> str:
    """A table of GitHub's Markdown; the first `texts` columns are texts, the others numbers."""
    lines = [f"| {' | '.join(map(_safe, names))} |"]
    lines.append(f"|{'|'.join(':---' if place < texts else '---:' for place in range(len(names)))}|")
    lines += [f"| {' | '.join(map(_safe, row))} |" for row in rows]
    return "\n".join(lines)


def listed(names: Sequence[str]) -> str:
    """Names with commas, and `and` before the last."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else "none"


def nanoseconds(value: float) -> str:
    """Simulated time, from ns."""
    return f"{significant(value / 1e3)} μs" if value >= 1e3 else f"{significant(value)} ns"


def figure(figures: Path, links: str, name: str, caption: str) -> str:
    """A figure of the folder `figures`, nothing where it has none; `links` is the way to the collection."""
    return f"![{caption}]({links}/figures/{name})" if (figures / name).exists() else ""
