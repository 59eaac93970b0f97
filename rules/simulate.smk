# Needs:  results/{dataset}/peptides/{peptide}.pdb
# Makes:  results/{dataset}/md/{peptide}/: trajectory.xtc, topology.pdb, state.csv, md.json


# Validated once for each split, and not for each of thousands of jobs.
SIMULATE_OF_SPLIT = {split: SETTINGS.simulate_of(split).model_dump(mode="json") for split in SPLITS}


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
    wildcard_constraints:
        peptide=one_of(PEPTIDES),
    # A job that was stopped exits with an error, and goes on from its saved state when it is tried again.
    retries: tries_again(3)
    conda:
        "../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(1440),
        gpu=lambda wildcards: gpus(simulate_settings(wildcards)["platform"] in ("CUDA", "OpenCL")),
    params:
        settings=simulate_settings,
        work="work/simulate/{dataset}/{peptide}",
    message:
        "Simulate {wildcards.peptide}: {params.settings[replicas]} x {params.settings[production]:g} ps in {params.settings[solvent]} solvent"
    script:
        "../workflow_scripts/simulate.py"
