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
    include: "rules/structures.smk"

    # The MD is either made here or imported, or there is none; one rule at a time makes its files.
    if SETTINGS.source.imported:

        include: "rules/imports.smk"

    elif SETTINGS.source.exists:

        include: "rules/simulate.smk"
    include: "rules/data.smk"
    include: "rules/model.smk"
    include: "rules/sampling.smk"


# Samples are compared with the MD; without it they are described alone.
if SETTINGS.source.exists:

    include: "rules/evaluation.smk"
    include: "rules/dynamics.smk"
    include: "rules/physicality.smk"
    include: "rules/ensemble.smk"

    if not SETTINGS.partial:

        include: "rules/ablation.smk"

else:

    include: "rules/samples_alone.smk"


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
            "results/{dataset}/features/test/{peptide}.h5",
            dataset=DATASET,
            peptide=[name for name in SPLITS["test"] if name in PEPTIDES_WITH_MD and not SETTINGS.partial],
        ),
        rules.summarize.input,
        f"results/{DATASET}/evaluation/summary.csv",
        figure_results(),
        report_results(),
    localrule: True


rule peptides:
    input:
        expand("results/{dataset}/peptides/{peptide}.pdb", dataset=DATASET, peptide=PEPTIDES),
    localrule: True


rule simulations:
    input:
        expand("results/{dataset}/md/{peptide}/md.json", dataset=DATASET, peptide=PEPTIDES_WITH_MD),
    localrule: True


# The MD in time of every peptide; the target figures has that of the test peptides only.
rule simulation_figures:
    input:
        expand("results/{dataset}/simulations/{peptide}.png", dataset=DATASET, peptide=PEPTIDES_WITH_MD),
    localrule: True


rule features:
    input:
        [f"results/{DATASET}/features/{SPLIT_OF[name]}/{name}.h5" for name in PEPTIDES_WITH_MD],
        f"results/{DATASET}/features/dataset.json" if PEPTIDES_WITH_MD else [],
    localrule: True


rule models:
    input:
        expand("results/{dataset}/models/{model}/checkpoint.ckpt", dataset=DATASET, model=MODELS),
    localrule: True


rule samples:
    input:
        over_test_peptides("results/{dataset}/samples/{model}/{peptide}/sampling.json"),
    localrule: True


rule evaluate:
    input:
        rules.summarize.input,
        f"results/{DATASET}/evaluation/summary.csv",
        # A checkpoint brought on the command line is wanted with its figures.
        figure_results() if config["checkpoint"] else [],
    localrule: True


rule ablation:
    input:
        ablation_results(),
    localrule: True


rule figures:
    input:
        figure_results(),
    localrule: True


rule report:
    input:
        report_results(),
    localrule: True
