"""Small inputs of the figures, in the formats that evaluation and training write."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.text import Text

from jamun import figures
from jamun.config.evaluation import EvaluationSettings
from jamun.config.figures import FigureSettings
from jamun.evaluation.comparison import analyse
from jamun.evaluation.pair import Clock, Ensemble, Pair
from jamun.evaluation.runs import replica_of_frames
from jamun.evaluation.simulation import thinned_frames
from jamun.io.atomic import write_json, write_npz
from jamun.peptides.torsions import Torsion

SETTINGS = FigureSettings(dpi=60)
CHIS = {"ALA": 0, "GLY": 0, "VAL": 1, "TRP": 2, "LYS": 4, "ARG": 5, "MET": 3, "SER": 1}
# Basins of phi, psi in degrees and how long they last in frames: beta, alpha-R, alpha-L.
_BASINS = np.array([(-120.0, 140.0), (-70.0, -35.0), (58.0, 40.0)])
_ROTAMERS = np.array([-65.0, 178.0, 62.0])


def _path(rng: np.random.Generator, frames: int, shares: np.ndarray, dwell: float) -> np.ndarray:
    """States (F,) of a chain that leaves a state after `dwell` frames on average and then draws from `shares`."""
    drawn = rng.choice(len(shares), size=frames, p=shares)
    jumps = np.where(rng.random(frames) < 1 / dwell, np.arange(frames), 0)
    return drawn[np.maximum.accumulate(jumps)]


def _wrap(degrees: np.ndarray) -> np.ndarray:
    return np.deg2rad((degrees + 180.0) % 360.0 - 180.0)


def make_torsions(residues: list[str], capped: bool = True) -> list[Torsion]:
    """Torsions of a peptide by kind, as MDTraj gives them; without caps the ends lack one of phi and psi."""
    last = len(residues)
    torsions = []
    for kind in ("phi", "psi", "omega", "chi1", "chi2", "chi3", "chi4", "chi5"):
        for place, name in enumerate(residues, start=1):
            absent = (kind == "phi" and place == 1) or (kind in ("psi", "omega") and place == last)
            if kind.startswith("chi") and int(kind[3]) > CHIS[name]:
                continue
            if capped or not absent:
                torsions.append(Torsion(kind, place, name))
    return torsions


def make_angles(torsions: list[Torsion], frames: int, seed: int, shares=(0.65, 0.3, 0.05), dwell=20.0, width=18.0):
    """Angles (F, K) in radians that jump between basins."""
    rng = np.random.default_rng(seed)
    basins = {residue: _path(rng, frames, np.array(shares), dwell) for residue in {t.residue for t in torsions}}
    columns = []
    for torsion in torsions:
        if torsion.kind in ("phi", "psi"):
            centre = _BASINS[basins[torsion.residue], ("phi", "psi").index(torsion.kind)]
        elif torsion.kind == "omega":
            centre = np.full(frames, 180.0)
        else:
            centre = _ROTAMERS[_path(rng, frames, np.array([0.6, 0.3, 0.1]), dwell)]
        spread = 7.0 if torsion.kind == "omega" else width
        columns.append(_wrap(centre + spread * rng.standard_normal(frames)))
    return np.stack(columns, 1)


def make_result(
    residues: list[str],
    md_frames: int = 600,
    samples: int = 1000,
    peptide: str = "AW",
    model: str = "default",
    capped: bool = True,
    sampling_seconds: float | None = 8.0,
    md_seconds_per_frame: float | None = 0.2,
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """A comparison of made-up ensembles by the real code: (result, arrays)."""
    torsions = make_torsions(residues)
    reference = make_angles(torsions, md_frames, 1)
    drawn = make_angles(torsions, samples, 2, shares=(0.55, 0.35, 0.1), dwell=3.0, width=22.0)
    each = None if sampling_seconds is None else sampling_seconds / samples
    compared, arrays = analyse(
        Pair(
            Ensemble(torsions, reference, np.zeros(md_frames, int), Clock(None, md_seconds_per_frame)),
            Ensemble(torsions, drawn, np.arange(samples) % 8, Clock(sampling_seconds, each)),
        ),
        EvaluationSettings(),
    )
    seconds = None if md_seconds_per_frame is None else md_frames * md_seconds_per_frame
    head = {
        "dataset": "capped_demo",
        "model": model,
        "peptide": peptide,
        "reference": {"file": "t.xtc", "frames": md_frames, "frame_interval_ps": 0.1, "seconds": seconds},
        "samples": {"file": "s.xtc", "frames": samples, "chains": 8, "seconds": sampling_seconds},
    }
    result = head | compared | {"notes": [], "provenance": {}}
    if not capped:
        return _uncapped(result, arrays, make_torsions(residues, capped=False))
    return result, arrays


def make_comparison(
    peptides: dict[str, list[str]], models: dict[str, float], capped: bool = True, clocks: bool = True
) -> list[tuple[dict[str, Any], dict[str, np.ndarray]]]:
    """Peptides by name and residues, models by name and the share of their samples that the fastest leaves time for."""
    compared = []
    for peptide, residues in peptides.items():
        entries, counts = [], []
        for model, share in models.items():
            result, arrays = make_result(residues, samples=int(1000 * share), peptide=peptide, capped=capped)
            drawn = {"model": model, "frames": int(1000 * share), "seconds": 8.0 if clocks else None}
            entries.append(drawn | {key: result[key] for key in ("js", "ramachandran")})
            counts.append(arrays["ramachandran_samples"])
        head = {"dataset": "capped_demo", "peptide": peptide, "seconds": 8.0 if clocks else None}
        kept = {key: arrays[key] for key in ("ramachandran_edges", "ramachandran_reference")}
        compared.append(
            (
                head | {"reference": result["reference"], "models": entries},
                kept | {"ramachandran_models": np.stack(counts)},
            )
        )
    return compared


def _uncapped(result, arrays, kept):
    """The same without the torsions and pairs that the caps gave."""
    names = {(torsion.kind, torsion.residue) for torsion in kept}
    rows = [(t["kind"], t["residue"]) in names for t in result["torsions"]]
    pairs = [{("phi", r["residue"]), ("psi", r["residue"])} <= names for r in result["ramachandran"]]
    for key, chosen in (("torsions", rows), ("ramachandran", pairs)):
        result[key] = [item for item, keep in zip(result[key], chosen, strict=True) if keep]
        for name in ("reference", "equal", "samples"):
            array = f"{key.removesuffix('s')}_{name}"
            arrays[array] = arrays[array][chosen]
    return result, arrays


def make_msm(residues: list[str], states: int, frames: int = 4000, samples: int = 4000):
    """Macrostates by shares of basins, counted over the maps: (result, arrays)."""
    torsions = [torsion for torsion in make_torsions(residues) if torsion.kind in ("phi", "psi")]
    bins, count = 50, len(residues)
    combinations = np.array(list(product(range(3), repeat=count)))
    edges = np.linspace(-np.pi, np.pi, bins + 1)
    maps, occupancies = [], []

    def count_map(angles: np.ndarray, residue: int) -> np.ndarray:
        return np.histogram2d(*angles[:, [residue, count + residue]].T, bins=(edges, edges))[0]

    for number, seed in ((frames, 1), (samples, 2)):
        angles = make_angles(torsions, number, seed)
        nearest = []
        for residue in range(count):
            own = np.rad2deg(angles[:, [residue, count + residue]])[:, None] - _BASINS
            nearest.append(np.abs((own + 180) % 360 - 180).sum(-1).argmin(-1))
        matches = (np.stack(nearest, 1)[:, None] == combinations).all(-1)
        labels = np.minimum(matches.argmax(1), states - 1)
        occupancies.append(np.bincount(labels, minlength=states) / number)
        maps.append([[count_map(angles[labels == s], r) for r in range(count)] for s in range(states)])
    order = np.argsort(-occupancies[0])
    lags = [1, 2, 5, 10, 20, 50]
    scales = [[float(t * lag / (lag + 4)) for t in (220, 90, 41)] + [None, None] for lag in lags]
    result = {
        "status": "ok",
        "reason": None,
        "backend": "deeptime",
        "settings": {"lag": 10, "macrostates": states},
        "frames": frames,
        "clusters": 200,
        "macrostates": [
            {
                "index": place,
                "population": float(occupancies[0][state]),
                "reference_occupancy": float(occupancies[0][state]),
                "samples_occupancy": float(occupancies[1][state]),
            }
            for place, state in enumerate(order)
        ],
        "js": {"value": 0.12, "low": 0.08, "high": 0.17, "count": states},
        "timescales": [220.0, 90.0],
        "implied_timescales": {"lags": lags, "timescales": scales},
        "notes": [],
    }
    arrays = {
        "macrostate_reference": np.zeros(frames, np.int16),
        "macrostate_samples": np.zeros(samples, np.int16),
        "ramachandran_edges": edges,
        "ramachandran_reference": np.array(maps[0], np.int32)[order],
        "ramachandran_samples": np.array(maps[1], np.int32)[order],
        "residue_labels": np.array([f"{name.capitalize()}{place}" for place, name in enumerate(residues, start=1)]),
    }
    return result, arrays


def make_metrics(steps: int = 2000, validations: int = 8, seed: int = 3) -> str:
    """metrics.csv as training writes it: blanks where nothing was measured."""
    rng = np.random.default_rng(seed)
    lines = ["step,epoch,train_loss,validation_loss,learning_rate,seconds"]
    for step in range(steps // 100, steps + 1, max(1, steps // 100)):
        loss = 0.35 + 0.6 * np.exp(-step / 300) + 0.03 * rng.standard_normal()
        lines.append(f"{step},{step // 50},{loss:.6g},,0.002,{step * 0.05:.4g}")
    for step in range(0, steps + 1, max(1, steps // max(validations, 1))) if validations else ():
        loss = 1.0 if step == 0 else 0.4 + 0.55 * np.exp(-step / 300)
        lines.append(f"{step},{step // 50},,{loss:.6g},0.002,{step * 0.05:.4g}")
    return "\n".join(lines) + "\n"


def make_record() -> dict[str, Any]:
    """training.json, what the figure needs of it."""
    return {"training": {"sigma": 0.04}, "parameters": 123456, "best_step": 2000, "best_validation_loss": 0.4}


def make_summary(peptides: list[str], models: list[str], seed: int = 4, gaps: bool = False) -> str:
    """summary.csv with its rows of means; with `gaps`, glycine-like peptides without side chains and baselines."""
    rng = np.random.default_rng(seed)
    groups = ("backbone", "side_chain", "all", "ramachandran")
    columns = ["dataset", "model", "peptide"]
    columns += [f"js_{group}{end}" for group in groups for end in ("", "_low", "_high")] + ["js_msm"]
    columns += [f"js_{g}_{b}" for b in ("md_equal_wall_clock", "md_tenth", "md_halves") for g in groups]
    columns += ["md_frames", "samples", "ms_per_sample", "notes"]
    lines = [",".join(columns)]
    for number, model in enumerate(models):
        for peptide in [*peptides, "mean"]:
            row = ["capped_demo", model, peptide]
            for group in groups:
                value = 0.25 + 0.08 * number + 0.06 * rng.random() + (0.1 if group == "ramachandran" else 0)
                absent = gaps and group == "side_chain"
                row += ["", "", ""] if absent else [f"{v:.4f}" for v in (value, value - 0.03, value + 0.03)]
            row.append("" if gaps else "0.12")
            for baseline, level in (("md_equal_wall_clock", 0.45), ("md_tenth", 0.3), ("md_halves", 0.12)):
                for group in groups:
                    absent = gaps and (baseline == "md_equal_wall_clock" or group == "side_chain")
                    row.append("" if absent else f"{level + 0.05 * rng.random():.4f}")
            lines.append(",".join([*row, "600", "4000", "2.1", "A note."]))
    return "\n".join(lines) + "\n"


def make_series(
    residues: list[str],
    replicas: tuple[int, ...] = (800,),
    interval_ps: float = 0.1,
    solvent: str = "explicit",
    rows: int = 80,
    freedom: int = 1487,
    capped: bool = True,
    peptide: str = "AW",
) -> dict[str, np.ndarray]:
    """An MD in time as evaluation describes it, with `rows` of thermodynamics in all; solvent "" is an import."""
    torsions = [torsion for torsion in make_torsions(residues, capped) if torsion.kind != "omega"]
    boundaries = [0, *np.cumsum(replicas).tolist()]
    frames = thinned_frames(boundaries)
    rng = np.random.default_rng(5)
    rows = rows if solvent else 0
    ends = np.array(boundaries[1:]) * interval_ps
    time = np.arange(1, rows + 1) * (ends[-1] / max(rows, 1))
    return {
        "peptide": np.array(peptide),
        "imported": np.array(not solvent),
        "solvent": np.array(solvent),
        "frames": np.array(boundaries[-1]),
        "frame_interval_ps": np.array(interval_ps),
        "replica_ends_ps": ends,
        "torsion_kind": np.array([torsion.kind for torsion in torsions], dtype=np.str_),
        "torsion_residue": np.array([torsion.residue for torsion in torsions], dtype=np.int64),
        "torsion_residue_name": np.array([torsion.residue_name for torsion in torsions], dtype=np.str_),
        "torsion_angles": make_angles(torsions, len(frames), 6) if torsions else np.empty((len(frames), 0)),
        "torsion_time_ps": (frames + 1) * interval_ps,
        "torsion_replica": replica_of_frames(boundaries)[frames],
        "state_time_ps": time,
        "state_replica": np.searchsorted(ends + 1e-6, time),
        "temperature_k": 300 * rng.chisquare(freedom, rows) / freedom,
        "potential_kj_mol": (-9200 if solvent == "explicit" else -310) + 40 * rng.standard_normal(rows),
        "density_g_ml": 0.99 + 0.01 * rng.standard_normal(rows) if solvent == "explicit" else np.full(rows, np.nan),
        "thermostat_k": np.array(300.0 if solvent else np.nan),
        "degrees_of_freedom": np.array(freedom if solvent else 0),
    }


def to_files(folder: Path, result: dict[str, Any], arrays: dict[str, np.ndarray]) -> tuple[Path, Path]:
    """Write a result and its arrays; returns their paths."""
    paths = folder / "result.json", folder / "arrays.npz"
    write_json(paths[0], result)
    write_npz(paths[1], arrays)
    return paths


def draw(name: str, picture: Path, settings: FigureSettings = SETTINGS, **files: Any) -> None:
    """Draw a figure as its rule does, to `picture` without ending, in both formats."""
    outputs = {suffix: picture.with_suffix(f".{suffix}") for suffix in ("png", "pdf")}
    figures.to_files(name, files, outputs, settings)


def written_twice(folder: Path, name: str, settings: FigureSettings = SETTINGS, **files: Any) -> None:
    """Draw a figure into two folders; it must be there in both formats, with the same bytes."""
    for place in ("a", "b"):
        draw(name, folder / place / name, settings, **files)
    for suffix, start in ((".png", b"\x89PNG"), (".pdf", b"%PDF")):
        first, second = ((folder / place / name).with_suffix(suffix).read_bytes() for place in ("a", "b"))
        assert first == second
        assert first.startswith(start)


def misplaced_texts(figure) -> list[str]:
    """Texts of a figure that overlap another or leave the page, as it is drawn."""
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    boxes, undrawn = [], _undrawn(figure)
    for text in figure.findobj(Text):
        if not text.get_visible() or not text.get_text().strip() or text in undrawn:
            continue
        boxes.append((text.get_text(), text.get_window_extent(renderer)))
    problems = []
    page = figure.bbox
    for place, (words, box) in enumerate(boxes):
        if box.x0 < page.x0 - 1 or box.y0 < page.y0 - 1 or box.x1 > page.x1 + 1 or box.y1 > page.y1 + 1:
            problems.append(f"{words!r} leaves the page")
        for others, other in boxes[place + 1 :]:
            across = min(box.x1, other.x1) - max(box.x0, other.x0)
            up = min(box.y1, other.y1) - max(box.y0, other.y0)
            if across > 1 and up > 1:
                problems.append(f"{words!r} overlaps {others!r}")
    return problems


def _undrawn(figure) -> set[Text]:
    """Texts that are part of a figure but not drawn: labels of ticks beyond an axis, and of axes that are off."""
    texts = set()
    for panel in figure.findobj(Axes):
        for axis in (panel.xaxis, panel.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in [*axis.majorTicks, *axis.minorTicks]:
                if not panel.axison or not low * (1 - 1e-9) - 1e-9 <= tick.get_loc() <= high * (1 + 1e-9) + 1e-9:
                    texts |= {tick.label1, tick.label2}
            if not panel.axison:
                texts.add(axis.label)
    return texts


def legend(figure):
    """The words of a figure's legend, in its order."""
    return [text.get_text() for text in figure.legends[0].get_texts()]
