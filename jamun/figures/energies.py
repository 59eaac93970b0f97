"""Potential energies of samples beside those of the MD."""

from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from jamun.config.figures import FigureSettings
from jamun.figures import style

# The axis spans the MD, and of the samples within so many times its range these but for the highest hundredth.
_BELOW_END = 0.99
_WIDEST = 4.0
# Frames of a bin on average.
_FRAMES_PER_BIN = 20


def _range(md: np.ndarray, samples: np.ndarray) -> tuple[float, float]:
    """What the axis spans: all of the MD, and of the samples what lies within reach of it."""
    low, high = float(md.min()), float(md.max())
    reach = _WIDEST * (high - low)
    near = samples[(samples > high - reach) & (samples < low + reach)]
    samples = near if len(near) else md
    below, above = samples.min(), np.quantile(samples, _BELOW_END)
    margin = 0.03 * (high - low)
    return min(low, below) - margin, max(high, above) + margin


def _words(result: dict[str, Any]) -> str:
    """The three distances with those of the MD's halves."""
    lines = []
    for name, label, unit in (("energy_w2", "E-W2", " kT"), ("torus_w2", "T-W2", " rad"), ("tica_w2", "TICA-W2", "")):
        own, floor = result["distances"][name]["value"], result["baselines"]["md_halves"][name]["value"]
        if own is not None:
            # Energies of bad samples have no bound.
            written = f"{own:.2f}" if own < 1e4 else f"{own:.1e}"
            lines.append(f"{label} {written}{unit}" + ("" if floor is None else f"  (MD's halves {floor:.2f})"))
    return "\n".join(lines)


@style.styled()
def plot_energies(result: dict[str, Any], arrays: dict[str, np.ndarray], settings: FigureSettings) -> Figure:
    """Densities of potential energies of the MD and of samples, hydrogens drawn on both; with the MD's own hydrogens as
    a dashed line. `result` and `arrays` are evaluation's, of its step wasserstein."""
    figure, panel = plt.subplots(figsize=(5.4, 3.3), layout="constrained")
    style.headline(figure, f"{result['peptide']}, model {result['model']}: potential energies")
    if result["energy"] is None or not (len(arrays["energy_md"]) and len(arrays["energy_samples"])):
        style.in_words(panel, f"no energies: {result['distances']['energy_w2']['reason']}", 40, left="nothing")
        return figure
    kt, zero = result["energy"]["kt"], result["energy"]["md"]["mean"]
    shown = {
        name: ((arrays[f"energy_{name}"] - zero) / kt, arrays[f"energy_{name}_weights"])
        for name in ("md", "md_own", "samples")
        if len(arrays[f"energy_{name}"])
    }
    of_md = np.concatenate([values for name, (values, _) in shown.items() if name != "samples"])
    span = _range(of_md, shown["samples"][0])
    inside = ((shown["md"][0] >= span[0]) & (shown["md"][0] <= span[1])).sum()
    width = max(np.ptp(shown["md"][0]) / max(12, min(60, inside / _FRAMES_PER_BIN)), 1e-9)
    edges = np.linspace(*span, max(12, min(200, round((span[1] - span[0]) / width))) + 1)
    looks: dict[str, dict[str, Any]] = {
        "md": style.SERIES["MD"][1] | {"label": "MD, hydrogens drawn"},
        "md_own": {
            "color": style.REFERENCE,
            "linewidth": 1.1,
            "linestyle": (0, (4, 1.5)),
            "label": "MD, its own hydrogens",
        },
        "samples": {"color": style.SAMPLES, "linewidth": 1.5, "label": f"{result['model']}, hydrogens drawn"},
    }
    for name, (values, weights) in shown.items():
        counts, _ = np.histogram(values, edges, weights=weights)
        panel.stairs(counts / weights.sum() / np.diff(edges), edges, **looks[name])
    values, weights = shown["samples"]
    beyond = float(weights[(values < span[0]) | (values > span[1])].sum() / weights.sum())
    panel.set(xlim=span, yticks=[], xlabel="potential energy less the MD's mean (kT)")
    panel.set_ylim(0, panel.get_ylim()[1] * 1.05)
    panel.spines["left"].set_visible(False)
    panel.legend(loc="upper left", bbox_to_anchor=(1.0, 1.0), fontsize=8)
    text = _words(result)
    if beyond > 0:
        text += f"\n\n{100 * beyond:.1f} % of the samples\nlie outside of the axis"
    panel.text(1.03, 0.62, text, transform=panel.transAxes, va="top", fontsize=8, linespacing=1.4)
    return figure
