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
include: "rules/peptides.smk"


# The MD is either made here or imported; one rule at a time makes its files.
if SETTINGS.source.imported:

    include: "rules/imports.smk"

else:

    include: "rules/simulate.smk"


include: "rules/data.smk"
include: "rules/model.smk"
include: "rules/sampling.smk"
include: "rules/evaluation.smk"
include: "rules/dynamics.smk"
include: "rules/physicality.smk"
include: "rules/figures.smk"
include: "rules/ensemble.smk"
include: "rules/report.smk"


localrules:
    all,
    peptides,
    simulations,
    simulation_figures,
    features,
    models,
    samples,
    evaluate,
    figures,
    report,


rule all:
    default_target: True
    input:
        expand("results/{dataset}/features/test/{peptide}.h5", dataset=DATASET, peptide=SPLITS["test"]),
        rules.summarize.input,
        f"results/{DATASET}/evaluation/summary.csv",
        figure_results(),
        f"results/{DATASET}/report.html",


rule peptides:
    input:
        expand("results/{dataset}/peptides/{peptide}.pdb", dataset=DATASET, peptide=PEPTIDES),


rule simulations:
    input:
        expand("results/{dataset}/md/{peptide}/md.json", dataset=DATASET, peptide=PEPTIDES),


# The MD in time of every peptide; the target figures has that of the test peptides only.
rule simulation_figures:
    input:
        expand("results/{dataset}/simulations/{peptide}.png", dataset=DATASET, peptide=PEPTIDES),


rule features:
    input:
        [f"results/{DATASET}/features/{split}/{name}.h5" for split, names in SPLITS.items() for name in names],
        f"results/{DATASET}/features/dataset.json",


rule models:
    input:
        expand("results/{dataset}/models/{model}/checkpoint.ckpt", dataset=DATASET, model=MODELS),


rule samples:
    input:
        over_test_peptides("results/{dataset}/samples/{model}/{peptide}/sampling.json"),


rule evaluate:
    input:
        rules.summarize.input,
        f"results/{DATASET}/evaluation/summary.csv",
        # A checkpoint brought on the command line is wanted with its figures.
        figure_results() if config["checkpoint"] else [],


rule figures:
    input:
        figure_results(),


rule report:
    input:
        f"results/{DATASET}/report.html",
