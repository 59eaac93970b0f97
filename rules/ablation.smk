# Needs:  results/{dataset}/models/{model}/checkpoint.ckpt, peptides/{peptide}.pdb and md/{peptide}/
# Makes:  results/{dataset}/ablation/{variant}/{model}/{peptide}/: samples as the rule sample makes them, and
#         comparison, dynamics and physicality as .json and .npz; ablation/ablation.csv; figures/ablation.png and .pdf


wildcard_constraints:
    variant=one_of(SETTINGS.ablation.rows),


use rule sample as ablation_sample with:
    input:
        checkpoint="results/{dataset}/models/{model}/checkpoint.ckpt",
        pdb="results/{dataset}/peptides/{peptide}.pdb",
        starts=lambda wildcards: [
            given(start.replace("{peptide}", wildcards.peptide))
            for start in SETTINGS.ablated_sampling(wildcards.variant).starts
        ],
    output:
        samples="results/{dataset}/ablation/{variant}/{model}/{peptide}/samples.xtc",
        topology="results/{dataset}/ablation/{variant}/{model}/{peptide}/topology.pdb",
        flags="results/{dataset}/ablation/{variant}/{model}/{peptide}/flags.npz",
        record="results/{dataset}/ablation/{variant}/{model}/{peptide}/sampling.json",
    log:
        "logs/{dataset}/ablation_sample/{variant}/{model}/{peptide}.log",
    benchmark:
        "logs/{dataset}/ablation_sample/{variant}/{model}/{peptide}.tsv"
    # Rows side by side take less time than each on several cores.
    threads: 1
    params:
        settings=lambda wildcards: SETTINGS.ablated_sampling(wildcards.variant).model_dump(mode="json"),
        work=f"{WORK}/ablation/{{dataset}}/{{variant}}/{{model}}/{{peptide}}",
    message:
        "Sample {wildcards.peptide} with model {wildcards.model}, variant {wildcards.variant}"


use rule compare as ablation_compare with:
    input:
        reference=rules.compare.input.reference,
        reference_topology=rules.compare.input.reference_topology,
        md_record=rules.compare.input.md_record,
        samples=rules.ablation_sample.output.samples,
        samples_topology=rules.ablation_sample.output.topology,
        sampling_record=rules.ablation_sample.output.record,
    output:
        result="results/{dataset}/ablation/{variant}/{model}/{peptide}/comparison.json",
        arrays="results/{dataset}/ablation/{variant}/{model}/{peptide}/comparison.npz",
    log:
        "logs/{dataset}/ablation_compare/{variant}/{model}/{peptide}.log",
    benchmark:
        "logs/{dataset}/ablation_compare/{variant}/{model}/{peptide}.tsv"
    message:
        "Compare samples of {wildcards.peptide}, variant {wildcards.variant}, with its MD"


use rule dynamics as ablation_dynamics with:
    input:
        baselines=rules.md_distances.output.result,
        reference=rules.ablation_compare.input.reference,
        reference_topology=rules.ablation_compare.input.reference_topology,
        md_record=rules.ablation_compare.input.md_record,
        samples=rules.ablation_compare.input.samples,
        samples_topology=rules.ablation_compare.input.samples_topology,
        sampling_record=rules.ablation_compare.input.sampling_record,
    output:
        result="results/{dataset}/ablation/{variant}/{model}/{peptide}/dynamics.json",
        arrays="results/{dataset}/ablation/{variant}/{model}/{peptide}/dynamics.npz",
    log:
        "logs/{dataset}/ablation_dynamics/{variant}/{model}/{peptide}.log",
    benchmark:
        "logs/{dataset}/ablation_dynamics/{variant}/{model}/{peptide}.tsv"
    message:
        "Compare the slow motions of {wildcards.peptide}, variant {wildcards.variant}, with its MD"


use rule physicality as ablation_physicality with:
    input:
        reference=rules.ablation_compare.input.reference,
        reference_topology=rules.ablation_compare.input.reference_topology,
        md_record=rules.ablation_compare.input.md_record,
        samples=rules.ablation_compare.input.samples,
        samples_topology=rules.ablation_compare.input.samples_topology,
        sampling_record=rules.ablation_compare.input.sampling_record,
    output:
        result="results/{dataset}/ablation/{variant}/{model}/{peptide}/physicality.json",
        arrays="results/{dataset}/ablation/{variant}/{model}/{peptide}/physicality.npz",
    log:
        "logs/{dataset}/ablation_physicality/{variant}/{model}/{peptide}.log",
    benchmark:
        "logs/{dataset}/ablation_physicality/{variant}/{model}/{peptide}.tsv"
    message:
        "Check how physical samples of {wildcards.peptide} are, variant {wildcards.variant}"


rule tabulate_ablation:
    input:
        records=over_ablation(rules.ablation_sample.output.record),
        comparison=over_ablation(rules.ablation_compare.output.result),
        dynamics=over_ablation(rules.ablation_dynamics.output.result),
        physicality=over_ablation(rules.ablation_physicality.output.result),
    output:
        table=report(
            "results/{dataset}/ablation/ablation.csv",
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
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    message:
        "Tabulate the ablation of sampling on {wildcards.dataset}"
    script:
        "../workflow_scripts/tabulate_ablation.py"
