# Needs:  sequences from the configuration, or the PDB files that peptides.structures names
# Makes:  results/{dataset}/peptides/{peptide}.pdb and .json


rule build_peptide:
    output:
        **layout.PEPTIDE,
    log:
        layout.log_of("build_peptide", layout.PEPTIDE["pdb"]),
    benchmark:
        layout.log_of("build_peptide", layout.PEPTIDE["pdb"], ".tsv")
    wildcard_constraints:
        peptide=one_of(name for name in PEPTIDES if name not in STRUCTURES),
    priority: 1  # before samples of models that come from elsewhere
    conda:
        "../envs/main.yaml"
    resources:
        **needs(2000, 15),
    params:
        sequence=lambda wildcards: SEQUENCES[wildcards.peptide],
        form=config["peptides"]["form"],
        ph=config["peptides"]["ph"],
    message:
        "Build {wildcards.peptide} from its sequence"
    script:
        "../workflow_scripts/build_peptide.py"


rule take_structure:
    input:
        pdb=lambda wildcards: given(str(STRUCTURES[wildcards.peptide])),
    output:
        **layout.PEPTIDE,
    log:
        layout.log_of("take_structure", layout.PEPTIDE["pdb"]),
    benchmark:
        layout.log_of("take_structure", layout.PEPTIDE["pdb"], ".tsv")
    wildcard_constraints:
        peptide=one_of(STRUCTURES),
    priority: 1  # before samples of models that come from elsewhere
    conda:
        "../envs/main.yaml"
    resources:
        **needs(2000, 15),
    params:
        ph=config["peptides"]["ph"],
    message:
        "Check {input.pdb} and take it in as peptide {wildcards.peptide}"
    script:
        "../workflow_scripts/take_structure.py"
