# Needs:  results/{dataset}/models/{model}/checkpoint.ckpt, peptides/{peptide}.pdb and md/{peptide}/
# Makes:  results/{dataset}/ablation/{variant}/{model}/{peptide}/: samples as the rule sample makes them, and
#         comparison, dynamics and physicality as .json and .npz; ablation/ablation.csv; figures/ablation.png and .pdf


wildcard_constraints:
    variant=one_of(SETTINGS.ablation.rows),


use rule sample as ablation_sample with:
    input:
        checkpoint=layout.MODEL["checkpoint"],
        pdb=layout.PEPTIDE["pdb"],
        starts=lambda wildcards: [
            given(start.replace("{peptide}", wildcards.peptide))
            for start in SETTINGS.ablated_sampling(wildcards.variant).starts
        ],
    output:
        **layout.ABLATION_SAMPLES,
    log:
        "logs/{dataset}/ablation_sample/{variant}/{model}/{peptide}.log",
    benchmark:
        "logs/{dataset}/ablation_sample/{variant}/{model}/{peptide}.tsv"
    # Rows side by side take less time than each on several cores.
    threads: 1
    params:
        settings=lambda wildcards: SETTINGS.ablated_sampling(wildcards.variant).model_dump(
            mode="json", exclude={"hydrogens"}
        ),
        work=f"{WORK}/ablation/{{dataset}}/{{variant}}/{{model}}/{{peptide}}",
    message:
        "Sample {wildcards.peptide} with model {wildcards.model}, variant {wildcards.variant}"


# Each analysis of the rows, as of the models.
use rule compare as ablation_compare with:
    input:
        **md_against_recorded(layout.ABLATION_SAMPLES),
    output:
        **layout.ABLATION_EVALUATION["compare"],
    log:
        "logs/{dataset}/ablation_compare/{variant}/{model}/{peptide}.log",
    benchmark:
        "logs/{dataset}/ablation_compare/{variant}/{model}/{peptide}.tsv"
    message:
        "Compare samples of {wildcards.peptide}, variant {wildcards.variant}, with its MD"


use rule dynamics as ablation_dynamics with:
    input:
        **md_against_recorded(layout.ABLATION_SAMPLES),
        baselines=layout.MD_DISTANCES,
    output:
        **layout.ABLATION_EVALUATION["dynamics"],
    log:
        "logs/{dataset}/ablation_dynamics/{variant}/{model}/{peptide}.log",
    benchmark:
        "logs/{dataset}/ablation_dynamics/{variant}/{model}/{peptide}.tsv"
    message:
        "Compare the slow motions of {wildcards.peptide}, variant {wildcards.variant}, with its MD"


use rule physicality as ablation_physicality with:
    input:
        **md_against_recorded(layout.ABLATION_SAMPLES),
    output:
        **layout.ABLATION_EVALUATION["physicality"],
    log:
        "logs/{dataset}/ablation_physicality/{variant}/{model}/{peptide}.log",
    benchmark:
        "logs/{dataset}/ablation_physicality/{variant}/{model}/{peptide}.tsv"
    message:
        "Check how physical samples of {wildcards.peptide} are, variant {wildcards.variant}"


rule tabulate_ablation:
    input:
        records=over_ablation(layout.ABLATION_SAMPLES["record"]),
        comparison=over_ablation(layout.ABLATION_EVALUATION["compare"]["result"]),
        dynamics=over_ablation(layout.ABLATION_EVALUATION["dynamics"]["result"]),
        physicality=over_ablation(layout.ABLATION_EVALUATION["physicality"]["result"]),
    output:
        table=report(
            layout.ABLATION_TABLE,
            caption="../docs/captions/ablation_table.rst",
            category="Summary",
            labels={"question": "3. Which settings?", "figure": "Table of the ablation (CSV)", "model": "all"},
        ),
    log:
        "logs/{dataset}/tabulate_ablation.log",
    benchmark:
        "logs/{dataset}/tabulate_ablation.tsv"
    conda:
        "../envs/main.yaml"
    resources:
        **needs(2000, 10),
    message:
        "Tabulate the ablation of sampling on {wildcards.dataset}"
    script:
        "../workflow_scripts/tabulate_ablation.py"
