# Walk-jump sampling of peptides, from sequences or imported MD to a report.
#
# Needs:  config.yaml, or the file given as --configfile (which then stands alone: the two are never mixed)
# Makes:  results/{dataset}/...; each target below works alone and covers the peptides that the configuration lists

import sys

from snakemake.utils import min_version

min_version("9.0")

if not workflow.overwrite_configfiles:

    configfile: "config.yaml"


report: "docs/captions/workflow.rst"


include: "rules/common.smk"


# With partial=true, nothing makes what evaluation starts from: what is not there is left out.
if not SETTINGS.partial:

    include: "rules/peptides.smk"

    # The MD is either made here or imported, or there is none; one rule at a time makes its files.
    if SETTINGS.source.imported:

        include: "rules/imports.smk"

    elif SETTINGS.source.exists:

        include: "rules/simulate.smk"
    include: "rules/data.smk"
    include: "rules/model.smk"
    include: "rules/sampling.smk"
    include: "rules/outside_samples.smk"
    include: "rules/populations.smk"


# Samples are compared with the MD; without it they are described alone.
if SETTINGS.source.exists:

    include: "rules/evaluation.smk"

    if not SETTINGS.partial:

        include: "rules/ablation.smk"

else:

    include: "rules/describe_samples.smk"


include: "rules/figures.smk"


# The report of a module is that of the workflow that uses it.
if not IS_MODULE:

    include: "rules/report.smk"


onerror:
    print(unfinished(workflow.scheduler.failed), file=sys.stderr)


rule all:
    default_target: True
    input:
        expand(
            layout.FEATURES,
            dataset=DATASET,
            split="test",
            peptide=[name for name in SPLITS["test"] if name in PEPTIDES_WITH_MD and not SETTINGS.partial],
        ),
        all_atom_results(),
        summary_results(),
        figure_results(),
        report_results(),


rule peptides:
    input:
        expand(layout.PEPTIDE["pdb"], dataset=DATASET, peptide=PEPTIDES),


rule simulations:
    input:
        expand(layout.MD["record"], dataset=DATASET, peptide=PEPTIDES_WITH_MD),


# The MD in time of every peptide; the target figures has that of the test peptides only.
rule simulation_figures:
    input:
        expand(layout.MD_FIGURE, dataset=DATASET, peptide=PEPTIDES_WITH_MD),


rule features:
    input:
        [layout.FEATURES.format(dataset=DATASET, split=SPLIT_OF[name], peptide=name) for name in PEPTIDES_WITH_MD],
        expand(layout.DATASET, dataset=DATASET) if PEPTIDES_WITH_MD else [],


rule models:
    input:
        expand(
            layout.MODEL["checkpoint"],
            dataset=DATASET,
            model=[name for name in SETTINGS.active_models() if name not in OUTSIDE_MODELS],
        ),


rule samples:
    input:
        over_test_peptides(layout.SAMPLES["record"]),
        all_atom_results(),


rule evaluate:
    input:
        summary_results(),
        # A checkpoint brought on the command line is wanted with its figures.
        figure_results() if config["checkpoint"] else [],


rule ablation:
    input:
        ablation_results(),


rule figures:
    input:
        figure_results(),


rule report:
    input:
        report_results(),
