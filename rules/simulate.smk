# Needs:  results/{dataset}/peptides/{peptide}.pdb
# Makes:  results/{dataset}/md/{peptide}/: trajectory.xtc, topology.pdb, state.csv, md.json


def simulate_settings(wildcards):
    """Settings of a peptide's MD, which may differ between splits."""
    return SETTINGS.simulate_of(SPLIT_OF[wildcards.peptide]).model_dump(mode="json")


rule simulate:
    input:
        pdb="results/{dataset}/peptides/{peptide}.pdb",
    output:
        trajectory="results/{dataset}/md/{peptide}/trajectory.xtc",
        topology="results/{dataset}/md/{peptide}/topology.pdb",
        state="results/{dataset}/md/{peptide}/state.csv",
        record="results/{dataset}/md/{peptide}/md.json",
    log:
        "logs/{dataset}/simulate/{peptide}.log",
    benchmark:
        "logs/{dataset}/simulate/{peptide}.tsv"
    # A job that was stopped exits with an error, and goes on from its saved state when it is tried again.
    retries: 3
    conda:
        "../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=4000,
        runtime=lambda wildcards, attempt: 1440 * attempt,
        gpu=lambda wildcards: gpus(simulate_settings(wildcards)["platform"] in ("CUDA", "OpenCL")),
    params:
        settings=simulate_settings,
        work="work/simulate/{dataset}/{peptide}",
    message:
        "Simulate {wildcards.peptide} for {params.settings[production]} ps ({params.settings[solvent]} solvent)"
    script:
        "../workflow_scripts/simulate.py"
