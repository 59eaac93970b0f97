# Needs:  results/{dataset}/models/{model}/checkpoint.ckpt, peptides/{peptide}.pdb and md/{peptide}/
# Makes:  results/{dataset}/ablation/{variant}/{model}/{peptide}/: samples as the rule sample makes them, which
#         rules/evaluation.smk analyses; ablation/ablation.csv


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
        layout.log_of("ablation_sample", layout.ABLATION_SAMPLES["record"]),
    benchmark:
        layout.log_of("ablation_sample", layout.ABLATION_SAMPLES["record"], ".tsv")
    # Rows side by side take less time than each on several cores.
    threads: 1
    params:
        settings=lambda wildcards: SETTINGS.ablated_sampling(wildcards.variant).model_dump(
            mode="json", exclude={"hydrogens"}
        ),
        work=WORK["ablation_sample"],
    message:
        "Sample {wildcards.peptide} with model {wildcards.model}, variant {wildcards.variant}"


rule tabulate_ablation:
    input:
        records=over_ablation(layout.ABLATION_SAMPLES["record"]),
        comparison=over_ablation(layout.ABLATION_EVALUATION["compare"]["result"]),
        dynamics=over_ablation(layout.ABLATION_EVALUATION["dynamics"]["result"]),
        physicality=over_ablation(layout.ABLATION_EVALUATION["physicality"]["result"]),
    output:
        table=in_report(layout.ABLATION_TABLE, "ablation_table", "3. Which settings?", "Table of the ablation (CSV)"),
    log:
        layout.log_of("tabulate_ablation", layout.ABLATION_TABLE),
    benchmark:
        layout.log_of("tabulate_ablation", layout.ABLATION_TABLE, ".tsv")
    conda:
        "../envs/main.yaml"
    resources:
        **needs(2000, 10),
    message:
        "Tabulate the ablation of sampling on {wildcards.dataset}"
    script:
        "../workflow_scripts/tabulate_ablation.py"
