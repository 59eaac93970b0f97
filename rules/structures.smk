# Needs:  the PDB files that peptides.structures names
# Makes:  results/{dataset}/peptides/{peptide}.pdb and .json of these peptides, in place of rule build_peptide


rule take_structure:
    input:
        pdb=lambda wildcards: given(str(STRUCTURES[wildcards.peptide])),
    output:
        pdb="results/{dataset}/peptides/{peptide}.pdb",
        record="results/{dataset}/peptides/{peptide}.json",
    log:
        "logs/{dataset}/take_structure/{peptide}.log",
    benchmark:
        "logs/{dataset}/take_structure/{peptide}.tsv"
    wildcard_constraints:
        peptide=one_of(STRUCTURES),
    conda:
        "../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(15),
    params:
        ph=config["peptides"]["ph"],
    message:
        "Check {input.pdb} and take it in as peptide {wildcards.peptide}"
    script:
        "../workflow_scripts/take_structure.py"
