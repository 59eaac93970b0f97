# Needs:  results/{dataset}/models/{model}/checkpoint.ckpt and results/{dataset}/peptides/{peptide}.pdb
# Makes:  results/{dataset}/samples/{model}/{peptide}/: samples.xtc, topology.pdb, sampling.json


rule sample:
    input:
        checkpoint="results/{dataset}/models/{model}/checkpoint.ckpt",
        pdb="results/{dataset}/peptides/{peptide}.pdb",
    output:
        samples="results/{dataset}/samples/{model}/{peptide}/samples.xtc",
        topology="results/{dataset}/samples/{model}/{peptide}/topology.pdb",
        record="results/{dataset}/samples/{model}/{peptide}/sampling.json",
    log:
        "logs/{dataset}/sample/{model}/{peptide}.log",
    benchmark:
        "logs/{dataset}/sample/{model}/{peptide}.tsv"
    conda:
        "../envs/main.yaml"
    threads: 8
    resources:
        mem_mb=8000,
        runtime=lambda wildcards, attempt: 240 * attempt,
        gpu=gpus(config["sampling"]["device"] == "cuda"),
    params:
        settings=config["sampling"],
        work="work/sample/{dataset}/{model}/{peptide}",
    message:
        "Sample {wildcards.peptide} with model {wildcards.model}"
    script:
        "../workflow_scripts/sample.py"
