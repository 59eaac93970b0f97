"""Slow motions of samples and reference MD: TICA, decorrelation, effective samples a second, optimal transport."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from jamun.config.dynamics import DynamicsSettings
from jamun.evaluation.compare import frames_at_equal_wall_clock
from jamun.evaluation.decorrelation import (
    curve_lags,
    decorrelation,
    effective_estimates,
    effective_samples,
    speed_up,
)
from jamun.evaluation.distances import NO_TORSION, Part, SlowMD, distances, md_distances
from jamun.evaluation.ensembles import load_pair, none_rejected, read_flags
from jamun.evaluation.estimates import missing, waiting_time
from jamun.evaluation.runs import Runs, cut_into_runs
from jamun.evaluation.tica import KEPT, Projection, block_counts, joint_edges
from jamun.evaluation.wall_clock import compared_ensembles, loss_notes, wall_clock_notes
from jamun.io.atomic import read_json, write_json, write_npz
from jamun.io.provenance import provenance
from jamun.peptides.torsions import Torsion, compute_torsions, without_omega

GROUPS = ("backbone", "side_chain", "all")


@dataclass(frozen=True)
class Series:
    """One ensemble: angles (F, K) in radians, the chain or replica of each frame (F,), seconds of wall clock of all
    frames (None where unknown), and the time from one frame to the next, `step`, in `unit`."""

    angles: np.ndarray
    chains: np.ndarray
    seconds: float | None
    step: float
    unit: str


def _decorrelations(
    series: Series, runs: Runs, torsions: list[Torsion], seed: int
) -> tuple[list[dict[str, Any]], dict[str, Any], dict[str, np.ndarray]]:
    """Each torsion's decorrelation time, their medians by group, and the curves (K, lags) with their lags in frames."""
    kept = curve_lags(int(runs.lengths.max()) // 2)
    times, resampled, curves = [], [], []
    for column in series.angles.T:
        estimate, drawn, curve = decorrelation(column, runs, series.step, seed)
        times.append(estimate)
        resampled.append(drawn)
        curves.append(curve)
    medians = {}
    for group in GROUPS:
        members = [
            place
            for place, torsion in enumerate(torsions)
            if (torsion.group != "omega" if group == "all" else torsion.group == group)
        ]
        if not members:
            medians[group] = missing(NO_TORSION, 0)
            continue
        values = [np.inf if times[place]["value"] is None else times[place]["value"] / series.step for place in members]
        reason = "half of these torsions or more have no decorrelation time"
        medians[group] = waiting_time(
            float(np.median(values)),
            np.median(np.stack(np.broadcast_arrays(*(resampled[place] for place in members))), axis=0),
            runs.blocks,
            series.step,
            reason,
        )
    arrays = {"lags": kept} | {
        end: np.array([curve[end] for curve in curves]).reshape(len(torsions), len(kept))
        for end in ("value", "low", "high")
    }
    return times, medians, arrays


def _tica_record(projection: Projection | None, reason: str | None, lag: int, step: float, unit: str) -> dict[str, Any]:
    record: dict[str, Any] = {"status": "insufficient" if projection is None else "ok", "reason": reason}
    record |= {"lag_frames": lag, "lag": lag * step, "unit": unit, "scaling": "kinetic_map"}
    if projection is None:
        return record | {"features": None, "pairs": None, "eigenvalues": [], "timescales": []}
    return record | {
        "features": len(projection.mean),
        "pairs": projection.pairs,
        "eigenvalues": projection.eigenvalues[:KEPT],
        "timescales": projection.timescales[:KEPT] * step,
    }


def _histograms(
    reference: Part, samples: Part, chains: np.ndarray, cut: int | None, settings: DynamicsSettings
) -> dict[str, np.ndarray]:
    """Counts of MD, MD at equal wall clock and samples along TIC 0 and over TIC 0 and 1, on common edges."""
    none = np.zeros(0)
    names = ("reference", "equal", "samples")
    empty = {f"tica_0_{name}": none for name in names} | {f"tica_01_{name}": np.zeros((0, 0)) for name in names}
    arrays = {"tica_0_edges": none, "tica_01_edges": np.zeros((2, 0))} | empty
    if reference.components is None or samples.components is None:
        return arrays
    parts = {"reference": (reference.components, reference.runs), "samples": (samples.components, samples.runs)}
    if cut is not None:
        parts["equal"] = reference.components[:cut], cut_into_runs(chains[:cut])
    for name, axes, bins in (("tica_0", 1, settings.tica_bins), ("tica_01", 2, settings.tica_map_bins)):
        if reference.components.shape[1] < axes:
            continue
        edges = [joint_edges(reference.components[:, k], samples.components[:, k], bins) for k in range(axes)]
        arrays[f"{name}_edges"] = edges[0] if axes == 1 else np.array(edges)
        for part in names:
            arrays[f"{name}_{part}"] = np.zeros((bins,) * axes, dtype=np.int64)
        for part, (components, runs) in parts.items():
            arrays[f"{name}_{part}"] = block_counts(components[:, :axes], edges, runs).sum(0)
    return arrays


def _effective(
    part: Part, seconds: float | None, no_tica: str | None, seed: int
) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """Effective samples of one ensemble, in all and over `seconds`, those of each run, and bootstrap values."""
    if part.components is None:
        count, reason = part.runs.blocks, f"no TICA: {no_tica}"
        found = {"samples": missing(reason, count), "per_second": missing(reason, count)}
        found |= {"runs": len(part.runs.lengths), "runs_used": 0}
        by_run = bootstrap = np.zeros(0)
    else:
        by_run, bootstrap = effective_samples(part.components[:, 0], part.runs, seed)
        found = effective_estimates(by_run, bootstrap, part.runs.blocks, seconds, "its wall clock is not recorded")
    return found | {"frames": len(part.torsions), "seconds": seconds}, by_run, bootstrap


def dynamics(
    reference: Series,
    samples: Series,
    torsions: list[Torsion],
    settings: DynamicsSettings,
    md_seconds_per_frame: float | None = None,
    accepted: np.ndarray | None = None,
    baselines: dict[str, Any] | None = None,
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Compare the slow motions of reference MD and samples.

    Parameters: the two ensembles with angles of the same `torsions` (K), and the seconds of wall clock a frame of MD,
    for the cut at equal wall clock. `accepted` (F,) are the samples that the sampler accepted, None where it judged
    none: they are held against the same TICA, and take the wall clock of all samples. `baselines` are the md_distances
    of this MD, computed here where they are not given, which takes half of the time. Returns what goes into the
    result's JSON (definitions: docs/evaluation.md), and the curves and histograms for the figure. TICA, transport and
    effective samples leave omega out.
    """
    md = SlowMD.of(reference.angles, reference.chains, torsions, settings)
    projection, no_tica = md.projection, md.no_tica
    second = samples.angles[:, without_omega(torsions)]
    components = None if projection is None else projection(second)
    whole, drawn = md.part(), Part.of(second, components, samples.chains)
    baselines = md_distances(md, settings) if baselines is None else baselines
    cut, no_cut = frames_at_equal_wall_clock(md_seconds_per_frame, len(md.torsions), samples.seconds)
    equal = md.piece(cut, slice(cut), slice(None), no_cut, settings)

    curves, times, medians = {}, {}, {}
    for seed, (name, series, runs) in enumerate((("md", reference, whole.runs), ("samples", samples, drawn.runs)), 1):
        times[name], medians[name], curves[name] = _decorrelations(series, runs, torsions, seed)

    md_ess, md_by_run, md_bootstrap = _effective(whole, reference.seconds, no_tica, 1)

    def sampler_ess(part: Part) -> tuple[dict[str, Any], np.ndarray]:
        found, by_run, bootstrap = _effective(part, samples.seconds, no_tica, 2)
        return {"samples": found, "speed_up": speed_up(found, bootstrap, md_ess, md_bootstrap)}, by_run

    drawn_ess, by_run = sampler_ess(drawn)
    after, not_told = None, none_rejected(accepted)
    if not_told is None:
        kept_part = Part.of(second, components, samples.chains, accepted)
        after = {
            "frames": len(kept_part.torsions),
            "distances": distances(kept_part, whole, no_tica, settings),
            "ess": sampler_ess(kept_part)[0],
        }

    result = {
        "tica": _tica_record(projection, no_tica, settings.tica_lag, reference.step, reference.unit),
        "distances": distances(drawn, whole, no_tica, settings),
        "baselines": baselines | {"md_equal_wall_clock": equal},
        "decorrelation": {
            "torsions": [
                torsion.entry | {"md": times["md"][place], "samples": times["samples"][place]}
                for place, torsion in enumerate(torsions)
            ],
            "median": medians,
            "units": {"md": reference.unit, "samples": samples.unit},
            "frame": {"md": reference.step, "samples": samples.step},
        },
        "ess": {"md": md_ess} | drawn_ess,
        "accepted": after,
        "accepted_reason": not_told,
    }
    arrays = _histograms(whole, drawn, reference.chains, cut, settings) | {
        f"decorrelation_{name}_{end}": array for name in curves for end, array in curves[name].items()
    }
    return result, arrays | {"ess_md": md_by_run, "ess_samples": by_run}


def dynamics_to_files(
    reference: Path,
    reference_topology: Path,
    md_record: Path,
    samples: Path,
    samples_topology: Path,
    sampling_record: Path,
    baselines: Path,
    dataset: str,
    model: str,
    peptide: str,
    settings: DynamicsSettings,
    result: Path,
    arrays: Path,
) -> None:
    """Compare the slow motions of one peptide's samples and MD and publish result (JSON) and arrays (NPZ).

    `baselines` (JSON) is what md_distances_to_file wrote of this MD. Raises EvaluationError for files that are not two
    ensembles of one molecule.
    """
    md, sampling = read_json(md_record), read_json(sampling_record)
    first, second = load_pair(reference, reference_topology, md["boundaries"], samples, samples_topology)
    torsions, reference_angles = compute_torsions(first.trajectory)
    _, sample_angles = compute_torsions(second.trajectory)
    flags = read_flags(samples, second.n_frames)
    production, stride = md["production"], sampling["settings"]["stride"]
    interval_ps = production["frame_interval_ps"]
    compared, array_values = dynamics(
        Series(
            reference_angles,
            first.chains,
            production["seconds"],
            interval_ps or 1.0,
            "ps" if interval_ps else "frames",
        ),
        Series(sample_angles, second.chains, sampling["seconds"], 1.0, "samples"),
        torsions,
        settings,
        production["seconds_per_frame"],
        None if flags is None else flags["accepted"],
        read_json(baselines)["baselines"],
    )
    notes = wall_clock_notes(md, sampling)
    if compared["tica"]["reason"]:
        notes.append(f"No TICA: {compared['tica']['reason']}.")
    notes += loss_notes(compared["baselines"]["md_equal_wall_clock"].get("reason"), sampling)
    ensembles = compared_ensembles(reference, samples, (first, second), md, sampling)
    ensembles["samples"]["walk_steps_per_sample"] = stride
    write_npz(arrays, array_values)
    write_json(
        result,
        {
            "dataset": dataset,
            "model": model,
            "peptide": peptide,
            "settings": settings.model_dump(),
        }
        | ensembles
        | compared
        | {"notes": notes, "provenance": provenance("mdtraj", "numpy", "scipy", "deeptime", "POT")},
    )
