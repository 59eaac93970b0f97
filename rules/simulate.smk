# Needs:  results/{dataset}/peptides/{peptide}.pdb
# Makes:  results/{dataset}/md/{peptide}/: trajectory.xtc, topology.pdb, state.csv, md.json; benchmark_single.json
#         of test peptides that were simulated in a batch with others

from jamun.simulate.jobs import batched_jobs

# Validated once for each split, and not for each of thousands of jobs.
SIMULATE_SETTINGS = {split: SETTINGS.simulate_of(split) for split in SPLITS}
SIMULATE_OF_SPLIT = {split: settings.model_dump(mode="json") for split, settings in SIMULATE_SETTINGS.items()}

BATCHES = batched_jobs({name: SIMULATE_SETTINGS[split] for name, split in SPLIT_OF.items()})
BATCHED = dict.fromkeys(name for members in BATCHES for name in members)


rule simulate:
    input:
        pdb=layout.PEPTIDE["pdb"],
    output:
        **layout.MD,
    log:
        layout.log_of("simulate", layout.MD["record"]),
    benchmark:
        layout.log_of("simulate", layout.MD["record"], ".tsv")
    wildcard_constraints:
        peptide=one_of(name for name in PEPTIDES if name not in BATCHED),
    priority: 1  # before samples of models that come from elsewhere
    # A job that was stopped exits with an error, and goes on from its saved state when it is tried again.
    retries: tries_again(3)
    conda:
        "../envs/main.yaml"
    resources:
        **needs(4000, 1440),
        gpu=lambda wildcards: SIMULATE_SETTINGS[SPLIT_OF[wildcards.peptide]].gpus,
    params:
        settings=simulate_settings,
        work=WORK["simulate"],
    message:
        "Simulate {wildcards.peptide}: {params.settings[replicas]} x {params.settings[production]:g} ps in {params.settings[solvent]} solvent"
    script:
        "../workflow_scripts/simulate.py"


# One job for peptides whose settings agree: they are one system, or of many in explicit solvent one box of water.
for number, members in enumerate(BATCHES, 1):

    rule:
        name:
            f"simulate_batch_{number}"
        input:
            pdb=expand(layout.PEPTIDE["pdb"], dataset=DATASET, peptide=members),
        output:
            **{name: expand(path, dataset=DATASET, peptide=members) for name, path in layout.MD.items()},
        log:
            f"logs/{DATASET}/simulate/batch_{number}.log",
        benchmark:
            f"logs/{DATASET}/simulate/batch_{number}.tsv"
        retries: tries_again(3)
        conda:
            "../envs/main.yaml"
        threads: 4
        resources:
            **needs(16000, 1440),
            # Without one it would take as long as all the peptides one after another.
            gpu=int(SIMULATE_SETTINGS[SPLIT_OF[members[0]]].platform not in ("CPU", "Reference")),
        params:
            names=members,
            settings=[SIMULATE_OF_SPLIT[SPLIT_OF[name]] for name in members],
            work=WORK["simulate_batched"].format(dataset=DATASET),
        message:
            f"Simulate {len(members)} peptides as one system, {members[0]} to {members[-1]}"
        script:
            "../workflow_scripts/simulate_batched.py"


rule benchmark_single:
    input:
        pdb=layout.PEPTIDE["pdb"],
        record=layout.MD["record"],
    output:
        record=layout.MD_SINGLE,
    log:
        layout.log_of("benchmark_single", layout.MD_SINGLE),
    benchmark:
        layout.log_of("benchmark_single", layout.MD_SINGLE, ".tsv")
    wildcard_constraints:
        peptide=one_of(BATCHED),
    conda:
        "../envs/main.yaml"
    resources:
        **needs(4000, 10),
        gpu=lambda wildcards: SIMULATE_SETTINGS[SPLIT_OF[wildcards.peptide]].gpus,
    params:
        settings=simulate_settings,
    message:
        "Measure how fast one simulation of {wildcards.peptide} runs by itself"
    script:
        "../workflow_scripts/benchmark_single.py"
