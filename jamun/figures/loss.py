"""Loss curves of a model."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jamun.config.figures import FigureSettings
from jamun.figures import style
from jamun.io.atomic import read_json


@style.styled()
def plot_loss(metrics: pd.DataFrame, record: dict[str, Any], settings: FigureSettings, model: str) -> Figure:
    """Training and validation loss against steps, in units of the noise: 1 is a denoiser that returns its input.

    `metrics` has columns step, train_loss, validation_loss, blank (NaN) where not measured; of `record` (training.json)
    the noise level, the number of parameters and the step of the published weights are used where present.
    """
    train = metrics.dropna(subset=["train_loss"])
    validation = metrics.dropna(subset=["validation_loss"])
    figure, panel = plt.subplots(figsize=(5.8, 3.7), layout="constrained")
    panel.set(xlabel="training step", ylabel="mean |x̂ − x|² / 3σ²")
    if len(train) + len(validation) == 0:
        style.in_words(panel, "no loss was measured", left="frame")
    else:
        _draw_curves(panel, train, validation, record.get("best_step"))
    style.headline(figure, f"model {model}")
    facts = []
    if record.get("parameters") is not None:
        facts.append(f"{record['parameters']:,} parameters")
    training = record.get("training", {})
    if training.get("sigma_range"):
        low, high = training["sigma_range"]
        facts.append(f"σ from {low:g} to {high:g} nm, validated at {training['sigma']:g} nm")
    elif training.get("sigma") is not None:
        facts.append(f"σ = {training['sigma']:g} nm")
    panel.set_title(", ".join(facts))
    return figure


def _draw_curves(panel: Axes, train: pd.DataFrame, validation: pd.DataFrame, best_step: int | None) -> None:
    if len(train):
        window = max(1, len(train) // 20)
        smooth = train["train_loss"].rolling(window, min_periods=1, center=True).median()
        words = "training"
        if window > 1:
            panel.plot(train["step"], train["train_loss"], color=style.EQUAL, alpha=0.3, linewidth=0.8)
            words = "training (thick: running median)"
        panel.plot(train["step"], smooth, color=style.EQUAL, linewidth=1.6, label=words)
    if len(validation):
        step, loss = validation["step"], validation["validation_loss"]
        panel.plot(step, loss, "s-", color=style.SAMPLES, markersize=3.5, label="validation (averaged weights)")
        kept = validation[step == best_step]
        if len(kept):
            panel.plot(
                kept["step"],
                kept["validation_loss"],
                "o",
                color="black",
                markersize=9,
                markerfacecolor="none",
                label=f"published: step {best_step:,}",
            )
    panel.axhline(
        1.0, color=style.FLOOR, linestyle="--", linewidth=1.2, label="a denoiser that returns its input", zorder=1
    )
    panel.set_yscale("log")
    low, high = panel.get_ylim()
    # Losses seldom span two powers of ten.
    style.log_ticks(panel.yaxis, (1, 2, 5) if high / low > 5 else (1, 2, 3, 4, 5, 6, 8))
    panel.minorticks_off()
    panel.set_xlim(left=0)
    handles, labels = panel.get_legend_handles_labels()
    panel.figure.legend(handles, labels, loc="outside lower center", ncols=2)


def draw_loss(metrics: Path, record: Path, settings: FigureSettings) -> Figure:
    """The loss curves of the model whose folder holds metrics.csv and training.json.

    Raises FigureError for a table without the columns of metrics.csv.
    """
    try:
        table = pd.read_csv(metrics)
    except pd.errors.EmptyDataError:
        table = pd.DataFrame()
    absent = [name for name in ("step", "train_loss", "validation_loss") if name not in table.columns]
    if absent:
        raise style.FigureError(f"{metrics}: has no column {absent[0]}; give the metrics.csv that training wrote.")
    table = table.replace([np.inf, -np.inf], np.nan)
    return plot_loss(table, read_json(record), settings, metrics.parent.name)
