"""Make one analysis of one peptide's MD and samples. The analysis is named by the rule."""

import re

from jamun.io.imports import without
from jamun.io.job import job

with job(snakemake) as (inputs, outputs), without("torch"):
    from jamun.config.evaluation import EvaluationSettings
    from jamun.evaluation.msm.inputs import MSMInput
    from jamun.evaluation.pair import Files, read_pair
    from jamun.evaluation.run import analyse_to_files

    # Rules of the ablation make the same analyses of other samples; a workflow that uses this one as a module puts a
    # name of its own before.
    analysis = re.search("(compare|msm_features|dynamics|physicality)$", snakemake.rule)[0]
    pair = read_pair(
        Files(inputs.reference, inputs.reference_topology, inputs.md_record, inputs.get("reference_weights")),
        Files(inputs.samples, inputs.samples_topology, inputs.get("sampling_record")),
        *(snakemake.wildcards[name] for name in ("dataset", "model", "peptide")),
    )
    if analysis == "msm_features":
        MSMInput.of(pair).save(outputs.features)
    else:
        chosen = dict(snakemake.params.settings)
        settings = {
            "compare": chosen,
            "dynamics": {"dynamics": chosen},
            "physicality": {"physicality": chosen, "ramachandran_bins": snakemake.params.get("bins")},
        }[analysis]
        analyse_to_files(
            analysis, pair, EvaluationSettings(**settings), **outputs, md_distances=inputs.get("baselines")
        )
