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


rule plot_physicality:
    input:
        result=rules.physicality.output.result,
        arrays=rules.physicality.output.arrays,
    output:
        png=report(
            "results/{dataset}/figures/{model}/physicality/{peptide}.png",
            caption="../docs/captions/physicality.rst",
            category="Peptide {peptide}",
            labels={"question": "5. Are they physical?", "figure": "Physicality and basins", "model": "{model}"},
        ),
        pdf="results/{dataset}/figures/{model}/physicality/{peptide}.pdf",
    log:
        "logs/{dataset}/plot_physicality/{model}/{peptide}.log",
    benchmark:
        "logs/{dataset}/plot_physicality/{model}/{peptide}.tsv"
    conda:
        "../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        settings=config["figures"],
    message:
        "Draw the physicality and the basins of {wildcards.peptide}, model {wildcards.model}"
    script:
        "../workflow_scripts/plot_physicality.py"
