"""Slow motions of samples and reference MD: TICA, decorrelation, effective samples a second, optimal transport."""

from typing import Any

import numpy as np

from jamun.config.evaluation import DynamicsSettings, EvaluationSettings
from jamun.data.weights import effective_share
from jamun.evaluation.bootstrap import missing, waiting_time
from jamun.evaluation.decorrelation import curve_lags, decorrelation, effective_estimates, effective_samples, speed_up
from jamun.evaluation.pair import Clock, Ensemble, Pair, Result, of_accepted
from jamun.evaluation.runs import Runs
from jamun.evaluation.slow_distances import NO_TORSION, Segment, SlowMotions, distances, md_distances
from jamun.evaluation.tica import KEPT, block_counts, joint_edges

GROUPS = ("backbone", "side_chain", "all")


def _median(chosen: list[tuple[dict[str, Any], np.ndarray]], step: float, blocks: int) -> dict[str, Any]:
    """The median of torsions' decorrelation times, from the estimate of each and its resampled times in frames."""
    if not chosen:
        return missing(NO_TORSION, 0)
    values = [np.inf if time["value"] is None else time["value"] / step for time, _ in chosen]
    resampled = np.stack(np.broadcast_arrays(*(drawn for _, drawn in chosen)))
    reason = "half of these torsions or more have no decorrelation time"
    return waiting_time(float(np.median(values)), np.median(resampled, axis=0), blocks, step, reason)


def _decorrelations(
    ensemble: Ensemble, runs: Runs, seed: int
) -> tuple[list[dict[str, Any]], dict[str, Any], dict[str, np.ndarray]]:
    """Each torsion's decorrelation time, their medians by group, and the curves (K, lags) with their lags in frames."""
    torsions, step = ensemble.torsions, ensemble.clock.step
    kept = curve_lags(int(runs.lengths.max()) // 2)
    found = [decorrelation(column, runs, step, seed) for column in ensemble.angles.T]
    medians = {
        group: _median(
            [one[:2] for torsion, one in zip(torsions, found, strict=True) if torsion.is_in(group)], step, runs.blocks
        )
        for group in GROUPS
    }
    arrays = {
        end: np.array([curve[end] for _, _, curve in found]).reshape(len(torsions), len(kept))
        for end in ("value", "low", "high")
    }
    return [time for time, _, _ in found], medians, {"lags": kept} | arrays


def _tica_record(md: SlowMotions, lag: int) -> dict[str, Any]:
    """What a result says of the TICA."""
    clock, projection = md.ensemble.clock, md.projection
    record: dict[str, Any] = {"status": "insufficient" if projection is None else "ok", "reason": md.no_tica}
    record |= {"lag_frames": lag, "lag": lag * clock.step, "unit": clock.unit, "scaling": "kinetic_map"}
    if projection is None:
        return record | {"features": None, "pairs": None, "eigenvalues": [], "timescales": []}
    return record | {
        "features": len(projection.mean),
        "pairs": projection.pairs,
        "eigenvalues": projection.eigenvalues[:KEPT],
        "timescales": projection.timescales[:KEPT] * clock.step,
    }


def _histograms(
    reference: Segment, samples: Segment, equal: Segment | None, settings: DynamicsSettings
) -> dict[str, np.ndarray]:
    """Counts of MD, MD at equal wall clock and samples along TIC 0 and over TIC 0 and 1, on common edges."""
    segments = {
        "reference": reference.components,
        "equal": None if equal is None else equal.components,
        "samples": samples.components,
    }
    arrays: dict[str, np.ndarray] = {"tica_0_edges": np.zeros(0), "tica_01_edges": np.zeros((2, 0))}
    arrays |= {f"tica_0_{name}": np.zeros(0) for name in segments}
    arrays |= {f"tica_01_{name}": np.zeros((0, 0)) for name in segments}
    md, drawn = segments["reference"], segments["samples"]
    if md is None or drawn is None:
        return arrays
    for name, axes, bins in (("tica_0", 1, settings.tica_bins), ("tica_01", 2, settings.tica_map_bins)):
        if md.values.shape[1] < axes:
            continue
        edges = [joint_edges(md.values[:, k], drawn.values[:, k], bins) for k in range(axes)]
        arrays[f"{name}_edges"] = edges[0] if axes == 1 else np.array(edges)
        for which, points in segments.items():
            none = np.zeros((bins,) * axes, dtype=np.int64)
            arrays[f"{name}_{which}"] = none if points is None else block_counts(points.axes(axes), edges).sum(0)
    return arrays


def _effective(
    segment: Segment, clock: Clock, no_tica: str | None, seed: int
) -> tuple[dict[str, Any], np.ndarray, np.ndarray]:
    """Effective samples of one ensemble, in all and a second, those of each run, and bootstrap values.

    Of weighted frames so many times Kish's share are effective.
    """
    blocks = segment.runs.blocks
    if segment.components is None:
        reason = f"no TICA: {no_tica}"
        found: dict[str, Any] = {"samples": missing(reason, blocks), "per_second": missing(reason, blocks)}
        found |= {"runs": len(segment.runs.lengths), "runs_used": 0}
        by_run = bootstrap = np.zeros(0)
    else:
        share = effective_share(segment.components.weights)
        by_run, bootstrap = (
            share * values for values in effective_samples(segment.components.values[:, 0], segment.runs, seed)
        )
        found = effective_estimates(by_run, bootstrap, blocks, clock.seconds, "its wall clock is not recorded")
    return found | {"frames": len(segment.torsions.values), "seconds": clock.seconds}, by_run, bootstrap


def analyse(pair: Pair, settings: EvaluationSettings, baselines: dict[str, Any] | None = None) -> Result:
    """Compare the slow motions of reference MD and samples. TICA, transport and effective samples leave omega out.

    Accepted samples are held against the same TICA, and take the wall clock of all samples.

    `baselines` are md_distances of this MD; they are computed here where they are not given, which takes half of the
    time. Returns the entries of the result (definitions: docs/evaluation.md), and the curves and histograms for the
    figure.
    """
    chosen, ensembles = settings.dynamics, {"md": pair.reference, "samples": pair.samples}
    md = SlowMotions.of_md(pair.reference, chosen)
    drawn = md.of_samples(pair.samples)
    segments = {"md": md.segment(), "samples": drawn.segment()}
    baselines = md_distances(md, chosen) if baselines is None else baselines
    cut, no_cut = pair.frames_at_equal_wall_clock()

    curves, times, medians = {}, {}, {}
    for seed, (name, ensemble) in enumerate(ensembles.items(), 1):
        times[name], medians[name], curves[name] = _decorrelations(ensemble, segments[name].runs, seed)

    md_ess, md_by_run, md_bootstrap = _effective(segments["md"], pair.reference.clock, md.no_tica, 1)

    def compared(segment: Segment) -> tuple[dict[str, Any], dict[str, Any], np.ndarray]:
        """Distances, effective samples with the speed-up, and those of each run."""
        found, by_run, bootstrap = _effective(segment, pair.samples.clock, md.no_tica, 2)
        ess = {"samples": found, "speed_up": speed_up(found, bootstrap, md_ess, md_bootstrap)}
        return distances(segment, segments["md"], md.no_tica, chosen), ess, by_run

    found, ess, by_run = compared(segments["samples"])

    def of_kept(kept: np.ndarray) -> dict[str, Any]:
        kept_found, kept_ess, _ = compared(drawn.segment(kept))
        return {"distances": kept_found, "ess": kept_ess}

    notes = [f"No TICA: {md.no_tica}."] if md.no_tica else []
    notes += [f"No MD at equal wall clock: {no_cut}."] if no_cut else []
    result = {
        "settings": chosen.model_dump(),
        "tica": _tica_record(md, chosen.tica_lag),
        "distances": found,
        "baselines": baselines | {"md_equal_wall_clock": md.beginning(cut, no_cut, chosen)},
        "decorrelation": {
            "torsions": [
                torsion.entry | {name: times[name][place] for name in ensembles}
                for place, torsion in enumerate(pair.torsions)
            ],
            "median": medians,
            "units": {name: ensemble.clock.unit for name, ensemble in ensembles.items()},
            "frame": {name: ensemble.clock.step for name, ensemble in ensembles.items()},
        },
        "ess": {"md": md_ess} | ess,
        **of_accepted(pair.samples, pair.accepted, of_kept),
        "notes": [*pair.clock_notes, *notes, *pair.loss_notes],
    }
    equal = None if cut is None else md.segment(slice(cut))
    arrays = _histograms(segments["md"], segments["samples"], equal, chosen) | {
        f"decorrelation_{name}_{end}": array for name in curves for end, array in curves[name].items()
    }
    return result, arrays | {"ess_md": md_by_run, "ess_samples": by_run}
