"""Make one analysis of one peptide's MD and samples. The analysis is named by the rule."""

import re
from pathlib import Path

from jamun.io.imports import without
from jamun.io.log import job_log

with job_log(snakemake.log[0]), without("torch"):
    from jamun.config.evaluation import EvaluationSettings
    from jamun.evaluation.msm_input import msm_input
    from jamun.evaluation.pair import Files, read_pair
    from jamun.evaluation.run import analyse_to_files

    given, wildcards = snakemake.input, snakemake.wildcards
    # Rules of the ablation make the same analyses of other samples; a workflow that uses this one as a module puts a
    # name of its own before.
    analysis = re.search("(compare|msm_features|dynamics|physicality)$", snakemake.rule)[0]
    record, distances = given.get("sampling_record"), given.get("baselines")
    pair = read_pair(
        Files(Path(given.reference), Path(given.reference_topology), Path(given.md_record)),
        Files(Path(given.samples), Path(given.samples_topology), record and Path(record)),
        wildcards.dataset,
        wildcards.model,
        wildcards.peptide,
    )
    if analysis == "msm_features":
        msm_input(pair).save(Path(snakemake.output.features))
    else:
        chosen = dict(snakemake.params.settings)
        settings = {
            "compare": chosen,
            "dynamics": {"dynamics": chosen},
            "physicality": {"physicality": chosen, "ramachandran_bins": snakemake.params.get("bins")},
        }[analysis]
        analyse_to_files(
            analysis,
            pair,
            EvaluationSettings(**settings),
            Path(snakemake.output.result),
            Path(snakemake.output.arrays),
            distances and Path(distances),
        )
