# Needs:  results/{dataset}/md/{peptide}/ and results/{dataset}/samples/{model}/{peptide}/
# Makes:  results/{dataset}/simulations/{peptide}.json; results/{dataset}/evaluation/{model}/dynamics/{peptide}.json and
#         .npz; results/{dataset}/figures/{model}/dynamics/{peptide}.png and .pdf


# Of the MD alone, and so once for all models: optimal transport takes nearly all of the time.
rule md_distances:
    input:
        trajectory=rules.describe_simulation.input.trajectory,
        topology=rules.describe_simulation.input.topology,
        record=rules.describe_simulation.input.record,
    output:
        result="results/{dataset}/simulations/{peptide}.json",
    log:
        "logs/{dataset}/md_distances/{peptide}.log",
    benchmark:
        "logs/{dataset}/md_distances/{peptide}.tsv"
    conda:
        "../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        settings=config["evaluation"]["dynamics"],
    message:
        "Compare pieces of the MD of {wildcards.peptide} with each other"
    script:
        "../workflow_scripts/md_distances.py"


rule dynamics:
    input:
        baselines=rules.md_distances.output.result,
        reference=rules.compare.input.reference,
        reference_topology=rules.compare.input.reference_topology,
        md_record=rules.compare.input.md_record,
        samples=rules.compare.input.samples,
        samples_topology=rules.compare.input.samples_topology,
        sampling_record=rules.compare.input.sampling_record,
    output:
        result="results/{dataset}/evaluation/{model}/dynamics/{peptide}.json",
        arrays="results/{dataset}/evaluation/{model}/dynamics/{peptide}.npz",
    log:
        "logs/{dataset}/dynamics/{model}/{peptide}.log",
    benchmark:
        "logs/{dataset}/dynamics/{model}/{peptide}.tsv"
    conda:
        "../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        settings=config["evaluation"]["dynamics"],
    message:
        "Compare the slow motions of {wildcards.peptide} in its MD and in samples by model {wildcards.model}"
    script:
        "../workflow_scripts/dynamics.py"
