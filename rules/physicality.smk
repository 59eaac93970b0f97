# Needs:  results/{dataset}/md/{peptide}/ and results/{dataset}/samples/{model}/{peptide}/
# Makes:  results/{dataset}/evaluation/{model}/physicality/{peptide}.json and .npz, and
#         results/{dataset}/figures/{model}/physicality/{peptide}.png and .pdf


rule physicality:
    input:
        reference=rules.compare.input.reference,
        reference_topology=rules.compare.input.reference_topology,
        md_record=rules.compare.input.md_record,
        samples=rules.compare.input.samples,
        samples_topology=rules.compare.input.samples_topology,
        sampling_record=rules.compare.input.sampling_record,
    output:
        result="results/{dataset}/evaluation/{model}/physicality/{peptide}.json",
        arrays="results/{dataset}/evaluation/{model}/physicality/{peptide}.npz",
    log:
        "logs/{dataset}/physicality/{model}/{peptide}.log",
    benchmark:
        "logs/{dataset}/physicality/{model}/{peptide}.tsv"
    conda:
        "../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        settings=config["evaluation"]["physicality"],
        bins=config["evaluation"]["ramachandran_bins"],
    message:
        "Check how physical samples of {wildcards.peptide} by model {wildcards.model} are, and which basins they cover"
    script:
        "../workflow_scripts/physicality.py"
