# Needs:  results/{dataset}/md/{peptide}/
# Makes:  results/{dataset}/features/{split}/{peptide}.h5 and features/dataset.json


rule featurize:
    input:
        trajectory="results/{dataset}/md/{peptide}/trajectory.xtc",
        topology="results/{dataset}/md/{peptide}/topology.pdb",
        record="results/{dataset}/md/{peptide}/md.json",
    output:
        features="results/{dataset}/features/{split}/{peptide}.h5",
    log:
        "logs/{dataset}/featurize/{split}/{peptide}.log",
    benchmark:
        "logs/{dataset}/featurize/{split}/{peptide}.tsv"
    conda:
        "../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        settings=config["features"],
    message:
        "Take the heavy atoms of the MD of {wildcards.peptide} as features for {wildcards.split}"
    script:
        "../workflow_scripts/featurize.py"


# Test peptides are left out on purpose: adding one must not retrain.
rule describe_dataset:
    input:
        train=expand("results/{{dataset}}/features/train/{peptide}.h5", peptide=SPLITS["train"]),
        validation=expand("results/{{dataset}}/features/validation/{peptide}.h5", peptide=SPLITS["validation"]),
    output:
        dataset="results/{dataset}/features/dataset.json",
    log:
        "logs/{dataset}/describe_dataset.log",
    benchmark:
        "logs/{dataset}/describe_dataset.tsv"
    conda:
        "../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    message:
        "Count the training frames and average their squared distances"
    script:
        "../workflow_scripts/describe_dataset.py"
