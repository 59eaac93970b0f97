# Needs:  sequences from the configuration
# Makes:  results/{dataset}/peptides/{peptide}.pdb and .json


rule build_peptide:
    output:
        pdb="results/{dataset}/peptides/{peptide}.pdb",
        record="results/{dataset}/peptides/{peptide}.json",
    log:
        "logs/{dataset}/build_peptide/{peptide}.log",
    benchmark:
        "logs/{dataset}/build_peptide/{peptide}.tsv"
    wildcard_constraints:
        peptide=one_of(name for name in PEPTIDES if name not in STRUCTURES),
    conda:
        "../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(15),
    params:
        sequence=lambda wildcards: SEQUENCES[wildcards.peptide],
        form=config["peptides"]["form"],
        ph=config["peptides"]["ph"],
    message:
        "Build {wildcards.peptide} from its sequence"
    script:
        "../workflow_scripts/build_peptide.py"
