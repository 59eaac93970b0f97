"""The tables of a study's page, as Markdown, from the collected files alone: the same files give the same tables.

In the files lengths are in nm and angles in radians; tables write pm and degrees where they say so.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd
from collected import Collected, lineage
from overtaking import NEVER, Overtaking
from targets import LITERATURE, TARGETS, Mean, Target, Verdict, difference, mean, median, targets_of

from jamun.evaluation.tables import DASH, duration, interval, percent, significant
from jamun.peptides.splits import NAME_OF_MEANS

GROUPS = {"backbone": "backbone", "all": "all torsions"}
DAY = 86400.0
_FORMATS = {"distance": lambda value: f"{value:.3f}", "share": percent, "number": significant, "time": duration}
_FORMATS["factor"] = lambda value: f"{significant(value)}×"
_SELF = {"md": "MD itself", "md_halves": "halves", "md_replicas": "replicas"}


def number(value: float | None, kind: str = "distance") -> str:
    """A number of a kind (distance, share, factor, number, time), a dash where there is none."""
    if value is None or not math.isfinite(value):
        return DASH
    # A share of samples can be far below what two digits show.
    return f"{100 * value:.2g} %" if kind == "share" and 0 < value < 1e-4 else _FORMATS[kind](value)


def with_interval(value: float | None, low: float | None, high: float | None, kind: str = "distance") -> str:
    """A number and its interval, where it has one."""
    text = number(value, kind)
    if text == DASH or low is None or high is None or not (math.isfinite(low) and math.isfinite(high)):
        return text
    # As many digits as the number has, so that an end is not rounded onto a target.
    return f"{text} {f'[{low:.3f}, {high:.3f}]' if kind == 'distance' else interval(low, high, kind)}"


def of_mean(found: Mean, kind: str = "distance") -> str:
    """A mean over peptides with its interval."""
    return with_interval(found.value, found.low, found.high, kind)


def of_change(found: Mean) -> str:
    """A difference of distances with its sign."""
    if found.value is None:
        return DASH
    ends = "" if found.low is None else f" [{found.low:+.3f}, {found.high:+.3f}]"
    return f"{found.value:+.3f}{ends}".replace("-", "−")


def nanoseconds(value: float) -> str:
    """Simulated time, from ns."""
    return f"{significant(value / 1e3)} μs" if value >= 1e3 else f"{significant(value)} ns"


def hours(value: float) -> str:
    """Hours, to a thousandth at most."""
    return significant(value) if value >= 0.1 else f"{value:.3f}"


def markdown(names: Sequence[str], rows: Iterable[Sequence[str]], texts: int = 1) -> str:
    """A table of GitHub's Markdown; the first `texts` columns are texts, the others numbers. "" without rows."""
    lines = [names, [":---" if place < texts else "---:" for place in range(len(names))], *rows]
    safe = [[cell.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in safe) if len(lines) > 2 else ""


def _degrees(radians: float) -> str:
    return f"{round(math.degrees(radians))}°".replace("-", "−")


def _residue(row: dict[str, Any]) -> str:
    return f"{row['residue_name'].capitalize()}{row['residue']}"


# Tables of the page


def md_table(collected: Collected) -> str:
    """The MD of each split."""
    rows = []
    for split, md in collected.study["md"].items():
        settings = md["settings"][0]
        imported = "solvent" not in settings
        what = ["imported"] if imported else [settings.get("forcefield"), f"{settings['solvent']} solvent"]
        what += [f"{settings['temperature']:g} K"] if "temperature" in settings else []
        each = collected.study["test_md"] if split == "test" else {}
        replicas = sorted({one["replicas"] for one in each.values()}) or md.get("replicas") or [settings["replicas"]]
        rows.append(
            [
                split,
                f"{md['peptides']:,}",
                nanoseconds(md["ns"]),
                ", ".join(map(str, replicas)),
                ", ".join(filter(None, what)) + ("" if len(md["settings"]) == 1 else " (settings differ)"),
                ", ".join(md["platforms"]) or DASH,
                # Of imported MD the configuration tells a wall clock to hold samples against, not how it was made.
                DASH if imported or md["wall_hours"] is None else duration(3600 * md["wall_hours"]),
            ]
        )
    return markdown(["split", "peptides", "MD in all", "replicas each", "MD", "platform", "wall clock"], rows)


def training_table(collected: Collected) -> str:
    """The trainings that led to the model, the first one first; "" of an imported model."""
    training = collected.training.get(collected.model)
    rows = []
    for one in lineage(training) if training else []:
        # Older records do not tell; those were of processors.
        device = one.get("device", "cpu")
        where = DASH if "threads" not in one else f"{one['threads']} threads" if device == "cpu" else f"one {device}"
        rows.append(
            [
                one.get("model", collected.model),
                f"{one['steps']:,} of {one['training']['batch_size']} frames",
                duration(one["seconds"]),
                where,
                f"{one['best_validation_loss']:.3f}" if "best_validation_loss" in one else DASH,
            ]
        )
    return markdown(["training", "steps", "wall clock", "on", "validation loss, 3 sigma²"], rows)


def _judged(collected: Collected) -> list[tuple[Target, Mean, Verdict | None]]:
    """Metrics that have a value or a target."""
    own, judged = collected.own, []
    for target in targets_of(collected.study["dataset"]):
        over = target.over(own.get(target.key, []))
        if over.value is not None or target.value is not None:
            judged.append((target, over, target.verdict(over)))
    return judged


def verdicts(collected: Collected) -> list[Verdict]:
    """The verdicts of all metrics that have a target."""
    return [verdict for _, _, verdict in _judged(collected) if verdict]


def _verdict_words(target: Target, found: Verdict | None) -> str:
    if found is None or found.by is None:
        return found.word if found else ""
    by = f"{found.by:.3f}" if target.kind == "distance" else number(found.by, target.kind)
    doubt = ", within its interval" if found.sure is False else ""
    return f"**{found.word}** by {by}{doubt}" if found.by else f"**{found.word}**, just{doubt}"


def target_table(collected: Collected) -> str:
    """Every metric with its target, the MD's distance from itself and the number of the literature."""
    count, rows = len(collected.own), []
    for target, found, verdict in _judged(collected):
        published = LITERATURE["JAMUN v2"].get(target.key)
        itself = collected.md_self_distance(target.key)
        known = [f"{number(value, target.kind)} ({_SELF[name]})" for name, value in itself.items() if value is not None]
        side = {"<=": "≤", "<": "<", ">=": "≥"}.get(target.side)
        rows.append(
            [
                target.name,
                of_mean(found, target.kind)
                + (f" ({found.count} of {count} peptides)" if 0 < found.count < count else ""),
                ", ".join(known) or DASH,
                "" if target.value is None else f"{side} {number(target.value, target.kind)}",
                _verdict_words(target, verdict),
                "" if published is None else number(published, target.kind),
            ]
        )
    names = ["metric", "mean over peptides", "MD against itself", "target", "result", "JAMUN v2"]
    return markdown(names, rows)


def literature_table() -> str:
    """The numbers of the literature."""
    columns = {target.key: target.name.removeprefix("JS, ") for target in TARGETS if target.key.startswith("js_")}
    rows = [[name, *(number(values.get(key)) for key in columns)] for name, values in LITERATURE.items()]
    return markdown(["capped dipeptides", *columns.values()], rows)


def peptide_table(collected: Collected) -> str:
    """A row a test peptide."""
    own = collected.own
    lacking = "js_backbone_md_replicas" not in own or own["js_backbone_md_replicas"].isna().all()
    part = "md_halves" if lacking else "md_replicas"
    columns = {
        "js_backbone": ("backbone", "distance"),
        f"js_backbone_{part}": (f"MD's {_SELF[part]}", "distance"),
        "js_side_chain": ("side chains", "distance"),
        "js_all": ("all torsions", "distance"),
        f"js_all_{part}": (f"MD's {_SELF[part]}", "distance"),
        "js_msm": ("MSM", "distance"),
        "basin_coverage": ("basins", "share"),
        "inverted": ("inverted", "share"),
        "bond_outlier": ("bond outlier", "share"),
        "ms_per_sample": ("ms a sample", "number"),
    }
    rows = []
    for _, row in own.iterrows():
        low, high = (
            {key: None if "_md_" in key else row.get(f"{key}_{end}") for key in columns} for end in ("low", "high")
        )
        cells = [with_interval(row.get(key), low[key], high[key], kind) for key, (_, kind) in columns.items()]
        rows.append([str(row["peptide"]), *cells])
    return markdown(["peptide", *(name for name, _ in columns.values())], rows)


def overtaking_table(collected: Collected) -> str:
    """How many peptides the MD overtakes, when, and why it does not overtake others."""
    rows = []
    for group, words in GROUPS.items():
        found = [collected.overtaken(name, group) for name in collected.records["comparison"]]
        known = [one.seconds for one in found if one.seconds is not None]
        reasons = Counter(one.reason for one in found if one.reason)
        why = "; ".join(f"{reason}: {count}" for reason, count in sorted(reasons.items())) or DASH
        rows.append([words, f"{len(known)} of {len(found)}", number(median(known), "time"), why])
    return markdown(["JS distance", "peptides overtaken", "median wall clock", "others"], rows)


def _when(found: Overtaking) -> str:
    if found.seconds is not None:
        return number(found.seconds, "time")
    return f"{found.reason} ({duration(found.last)})" if found.reason == NEVER else str(found.reason)


def paper_water(collected: Collected) -> dict[str, Any] | None:
    """The measured rate of explicit-water MD with the paper's settings."""
    return next((case for case in (collected.water or {}).get("cases", []) if case["case"] == "paper"), None)


def wall_clock_table(collected: Collected) -> str:
    """Each peptide: rates, when MD overtakes, and how much MD is made by then."""
    paper, rows = paper_water(collected), []
    for peptide, result in collected.records["comparison"].items():
        md, sampling = collected.study["test_md"][peptide], collected.records["sampling"].get(peptide, {})
        rate = md["ns"] * DAY / md["seconds"] / (collected.cores(peptide) or 1.0) if md["seconds"] else None
        found = {group: collected.overtaken(peptide, group) for group in GROUPS}
        then, spent = found["backbone"].seconds, result["samples"]["seconds"]
        made = [(then, rate)]
        if paper:
            made += [(then, paper["ns_per_day"]), (spent, paper["ns_per_day"])]
        estimate = (collected.records["dynamics"].get(peptide) or {}).get("ess", {}).get("speed_up") or {}
        speed, low, high = (collected.same_cores(peptide, estimate.get(end)) for end in ("value", "low", "high"))
        rows.append(
            [
                peptide,
                f"{md['threads'] or DASH}, {sampling.get('threads') or DASH}",
                number(rate, "number"),
                number(spent, "time"),
                *(_when(one) for one in found.values()),
                *(DASH if None in (time, ns) else nanoseconds(time * ns / DAY) for time, ns in made),
                with_interval(speed, low, high, "factor"),
            ]
        )
    names = ["peptide", "threads of MD, of sampling", "MD on the same cores, ns a day", "all samples took"]
    names += [f"MD overtakes, {words}" for words in GROUPS.values()]
    names += ["MD by then", *(["explicit MD by then", "explicit MD while all samples"] if paper else [])]
    return markdown([*names, "speed-up in ESS a second"], rows)


def search_table(collected: Collected) -> str:
    """A row a network that was trained and not evaluated; "" where none was."""
    table = collected.table("search")
    if table is None:
        return ""
    kinds = {
        "parameters": "{:,}".format,
        "steps": "{:,}".format,
        "seconds": duration,
        "validation_loss": "{:.3f}".format,
    }
    columns = [*(str(key) for key in table if key not in kinds), *kinds]
    names = {"hidden_irreps": "features", "sigma_range": "sigma, nm", "radial_range": "radial range, nm"}
    names |= {"n_convolutions": "convolutions", "n_radial": "radial functions", "seconds": "wall clock"}

    def cell(key: str, value: Any) -> str:
        if pd.isna(value):
            return DASH
        return kinds[key](value) if key in kinds else f"{value:g}" if isinstance(value, float) else str(value)

    rows = [[cell(key, row[key]) for key in columns] for _, row in table.iterrows()]
    return markdown([names.get(key, key.replace("_", " ")) for key in columns], rows)


def model_table(collected: Collected) -> str:
    """The models side by side on the same peptides; "" of one model."""

    def by_peptide(model: str) -> dict[str, float | None]:
        rows = collected.of(model)
        return {
            name: None if pd.isna(js) else js for name, js in zip(rows["peptide"], rows["js_backbone"], strict=True)
        }

    rows = []
    for model in (collected.model, *collected.others) if collected.others else ():
        training, own = collected.training.get(model), collected.of(model)
        settings = (training or {}).get("training", {})
        sigma = settings.get("sigma_range") or [settings.get("sigma")]
        change = of_change(difference(by_peptide(model), by_peptide(collected.model)))
        rows.append(
            [
                model,
                training["network"]["hidden_irreps"] if training else DASH,
                f"{collected.trained_on(model):,}" if training else DASH,
                " + ".join(f"{one['steps']:,}" for one in lineage(training)) if training else DASH,
                " to ".join(f"{level:g}" for level in sigma) if training else DASH,
                f"{training['best_validation_loss']:.3f}" if training else DASH,
                *(of_mean(mean(own[key])) if key in own else DASH for key in ("js_backbone", "js_all", "js_msm")),
                DASH if model == collected.model else change,
                *(
                    number(mean(own[key]).value, "share") if key in own else DASH
                    for key in ("basin_coverage", "inverted", "bond_outlier")
                ),
            ]
        )
    names = ["model", "features", "training peptides", "steps", "sigma, nm", "validation loss", "JS backbone", "JS all"]
    names += ["JS MSM", f"JS backbone − {collected.model}", "basins", "inverted", "bond outlier"]
    return markdown(names, rows, texts=2)


def mirror_table(collected: Collected) -> str:
    """How alike the maps of each model are to their mirror images; "" of one model, where it tells nothing."""
    table = collected.table("mirror")
    rows: list[list[str]] = []
    if table is None or not collected.others:
        return ""
    chiral = table[table["residue_name"] != "GLY"]
    for model in (collected.model, *collected.others):
        own = chiral[chiral["model"] == model]
        sides = {"MD": "md", model: "samples"} if not rows else {model: "samples"}
        for name, side in sides.items() if len(own) else ():
            distance, share = (mean(own[f"{key}_{side}"]).value for key in ("js_mirror", "positive_phi"))
            rows.append([name, number(distance), number(share, "share")])
    return markdown(["", "JS to the mirror image", "φ > 0"], rows)


def sampling_table(collected: Collected) -> str:
    """Variants of the sampler's settings; "" without an ablation."""
    table = collected.table("ablation")
    if table is None:
        return ""
    kinds = {
        "js_backbone": ("JS backbone", "distance"),
        "js_all": ("JS all", "distance"),
        "ess_per_second": ("ESS a second", "number"),
        "ess_per_evaluation": ("ESS an evaluation", "number"),
        "bond_outlier": ("bond outlier", "share"),
        "inverted": ("inverted", "share"),
        "ms_per_sample": ("ms a sample", "number"),
    }
    shown = {key: value for key, value in kinds.items() if key in table}
    peptides, rows = table[table["peptide"] != NAME_OF_MEANS], []
    for _, row in table[table["peptide"] == NAME_OF_MEANS].iterrows():
        own = peptides[peptides["variant"] == row["variant"]]
        differs = row["differs"] if isinstance(row["differs"], str) else ""
        change = of_change(mean(own["js_backbone_change"])) if differs and "js_backbone_change" in own else DASH
        cells = [of_mean(mean(own[key]), kind) for key, (_, kind) in shown.items()]
        rows.append([str(row["variant"]), differs or "nothing", *cells, change])
    names = ["variant", "differs in", *(name for name, _ in shown.values()), "change of JS backbone"]
    return markdown(names, rows, texts=2)


def torsion_table(collected: Collected, most: int = 10) -> str:
    """The torsions farthest from the MD, omega included."""
    rows = [
        (torsion["js"], [peptide, _residue(torsion), torsion["kind"]])
        for peptide, record in collected.records["comparison"].items()
        for torsion in record["torsions"]
        if torsion["js"]["value"] is not None
    ]
    worst = sorted(rows, key=lambda row: -row[0]["value"])[:most]
    cells = [[*words, with_interval(js["value"], js["low"], js["high"])] for js, words in worst]
    return markdown(["peptide", "residue", "torsion", "JS"], cells, texts=3)


def basins(collected: Collected) -> list[dict[str, Any]]:
    """Every basin of every residue, with its peptide and residue."""
    return [
        basin | {"peptide": peptide, "residue": residue["residue"], "residue_name": residue["residue_name"]}
        for peptide, record in collected.records["physicality"].items()
        for residue in record["raw"]["basins"]["residues"]
        for basin in residue.get("basins", [])
    ]


def _basin_table(found: list[dict[str, Any]]) -> str:
    rows = [
        [
            row["peptide"],
            _residue(row),
            _degrees(row["phi"]),
            _degrees(row["psi"]),
            f"{row['free_energy_kcal_mol']:.2f}",
            *(number(row[side]["value"], "share") for side in ("md", "samples")),
        ]
        for row in found
    ]
    return markdown(["peptide", "residue", "φ", "ψ", "free energy, kcal/mol", "MD", "samples"], rows, texts=2)


def missed_table(collected: Collected, most: int = 40) -> str:
    """The basins without a sample, the most populated in the MD first."""
    missed = [basin for basin in basins(collected) if not basin["visited"]]
    return _basin_table(sorted(missed, key=lambda basin: -(basin["md"]["value"] or 0.0))[:most])


def misjudged_table(collected: Collected, most: int = 10) -> str:
    """The basins whose populations in MD and samples are farthest apart."""
    known = [one for one in basins(collected) if None not in (one["md"]["value"], one["samples"]["value"])]
    return _basin_table(sorted(known, key=lambda one: -abs(one["samples"]["value"] - one["md"]["value"]))[:most])


def share_table(collected: Collected) -> str:
    """Each peptide's shares of samples with bond outliers, inverted centres and clashes, the worst first."""
    rows = []
    for peptide, record in collected.records["physicality"].items():
        shares = [record["raw"]["shares"][name]["value"] for name in ("bond_outlier", "inverted", "clash")]
        sampling = collected.records["sampling"].get(peptide)
        stopped = f"{sampling['chains_stopped']['count']} of {sampling['chains']}" if sampling else DASH
        cells = [peptide, *(number(share, "share") for share in shares), stopped]
        rows.append((max(shares[0] or 0.0, shares[1] or 0.0), cells))
    names = ["peptide", "bond outlier", "inverted", "clashing", "chains stopped"]
    return markdown(names, [cells for _, cells in sorted(rows, key=lambda row: -row[0])])


def centre_table(collected: Collected, most: int = 10) -> str:
    """The stereocentres with most samples of the wrong sign; "" where there are none."""
    rows = [
        (centre["inverted"]["value"], [peptide, centre["label"]], centre["inverted"]["md"]["value"])
        for peptide, record in collected.records["physicality"].items()
        for centre in record["raw"]["centres"]
        if centre["inverted"]["value"]
    ]
    worst = sorted(rows, key=lambda row: -row[0])[:most]
    cells = [[*words, number(samples, "share"), number(md, "share")] for samples, words, md in worst]
    return markdown(["peptide", "centre", "samples", "MD"], cells, texts=2)


def bond_table(collected: Collected, most: int = 10) -> str:
    """The bonds whose lengths differ most from the MD's."""
    terms = [
        (peptide, term)
        for peptide, record in collected.records["physicality"].items()
        for term in record["raw"]["bonds"]["terms"]
        if term["w1"]["value"] is not None
    ]
    rows = [
        [
            peptide,
            term["label"],
            *(
                f"{1e3 * term[side]['mean']['value']:.1f} ± {1e3 * term[side]['sd']['value']:.1f}"
                for side in ("samples", "md")
            ),
            f"{1e3 * term['w1']['value']:.2f}",
        ]
        for peptide, term in sorted(terms, key=lambda one: -one[1]["w1"]["value"])[:most]
    ]
    return markdown(["peptide", "bond", "samples, pm", "MD, pm", "W1, pm"], rows, texts=2)


def compute_stages(collected: Collected) -> pd.DataFrame | None:
    """Jobs, hours of wall clock and of cores, and jobs that were not measured, by stage, the dearest first."""
    table = collected.table("compute")
    if table is None:
        return None
    columns = ["jobs", "wall_hours", "core_hours", "unmeasured"]
    sums = table.groupby("stage", sort=False)[columns].sum().reset_index()
    return sums.sort_values(["core_hours", "stage"], ascending=[False, True], ignore_index=True)


def compute_table(collected: Collected) -> str:
    """What the study cost, by stage; "" where no benchmark files were kept."""
    stages = compute_stages(collected)
    if stages is None:
        return ""
    names = ["jobs", "wall_hours", "core_hours"]
    cells = [(row["stage"], [row[name] for name in names]) for _, row in stages.iterrows()]
    cells.append(("in all", [stages[name].sum() for name in names]))
    rows = [[stage, f"{jobs:,.0f}", hours(wall), hours(core)] for stage, (jobs, wall, core) in cells]
    return markdown(["stage", "jobs", "wall clock, h", "core hours"], rows)
