"""Loss curves of a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from jamun.config.figures import FigureSettings
from jamun.figures.style import EQUAL, FLOOR, SAMPLES, save, styled
from jamun.io.atomic import read_json


def plot_loss(metrics: pd.DataFrame, record: dict[str, Any], settings: FigureSettings, model: str) -> Figure:
    """Training and validation loss against steps, in units of the noise: 1 is a denoiser that returns its input."""
    with styled():
        figure, axes = plt.subplots(figsize=(5.2, 3.4))
        train = metrics.dropna(subset=["train_loss"])
        axes.plot(train["step"], train["train_loss"], color=EQUAL, alpha=0.35, linewidth=0.7)
        smooth = train["train_loss"].rolling(max(1, len(train) // 40), min_periods=1, center=True).median()
        axes.plot(train["step"], smooth, color=EQUAL, label="training (running median)")
        validation = metrics.dropna(subset=["validation_loss"])
        axes.plot(
            validation["step"],
            validation["validation_loss"],
            "o-",
            color=SAMPLES,
            markersize=3,
            label="validation (averaged weights)",
        )
        axes.axhline(1.0, color=FLOOR, linestyle="--", linewidth=1, label="returning the input")
        axes.set(yscale="log", xlabel="training step", ylabel="mean |x̂ − x|² / 3σ²")
        axes.legend()
        sigma = record["training"]["sigma"]
        axes.set_title(f"model {model}: {record['parameters']:,} parameters, σ = {sigma:g} nm")
    return figure


def loss_to_files(metrics: Path, record: Path, settings: FigureSettings, png: Path, pdf: Path) -> None:
    """Draw the loss curves of the model whose folder holds metrics.csv and training.json."""
    with styled():
        figure = plot_loss(pd.read_csv(metrics), read_json(record), settings, metrics.parent.name)
        save(figure, settings, png, pdf)
