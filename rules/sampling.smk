# Needs:  results/{dataset}/models/{model}/checkpoint.ckpt and results/{dataset}/peptides/{peptide}.pdb
#         and the files that the model's sampling.starts names, if any
# Makes:  results/{dataset}/samples/{model}/{peptide}/: samples.xtc, topology.pdb, flags.npz, sampling.json; with
#         sampling.hydrogens also all_atoms.xtc, .pdb, .npz and .json


rule sample:
    input:
        checkpoint=layout.MODEL["checkpoint"],
        pdb=layout.PEPTIDE["pdb"],
        starts=lambda wildcards: [
            given(start.replace("{peptide}", wildcards.peptide))
            for start in SETTINGS.sampling_of(wildcards.model).starts
        ],
    output:
        **layout.SAMPLES,
    log:
        layout.log_of("sample", layout.SAMPLES["record"]),
    benchmark:
        layout.log_of("sample", layout.SAMPLES["record"], ".tsv")
    wildcard_constraints:
        model=one_of([name for name in NEEDED_MODELS if name not in OUTSIDE_MODELS]),
    # A job that was stopped exits with an error, and goes on from its saved state when it is tried again.
    retries: tries_again(3)
    conda:
        "../envs/main.yaml"
    threads: 8
    resources:
        **needs(8000, 240),
        gpu=lambda wildcards: SETTINGS.sampling_of(wildcards.model).gpus,
    params:
        settings=lambda wildcards: SETTINGS.sampling_of(wildcards.model).model_dump(mode="json", exclude={"hydrogens"}),
        work=WORK["sample"],
    message:
        "Make {params.settings[samples]} samples of {wildcards.peptide} with model {wildcards.model}"
    script:
        "../workflow_scripts/sample.py"


rule add_hydrogens:
    input:
        **layout.SAMPLES,
        pdb=layout.PEPTIDE["pdb"],
    output:
        **layout.ALL_ATOMS,
    log:
        layout.log_of("add_hydrogens", layout.ALL_ATOMS["record"]),
    benchmark:
        layout.log_of("add_hydrogens", layout.ALL_ATOMS["record"], ".tsv")
    wildcard_constraints:
        model=one_of(HYDROGENATED_MODELS),
    conda:
        "../envs/main.yaml"
    resources:
        **needs(4000, 60),
    message:
        "Give samples of {wildcards.peptide} by model {wildcards.model} their hydrogens"
    script:
        "../workflow_scripts/add_hydrogens.py"
