# Needs:  results/{dataset}/peptides/{peptide}.pdb, and samples of the peptide that another program made
# Makes:  results/{dataset}/samples/{model}/{peptide}/: samples.xtc, topology.pdb, flags.npz, sampling.json, in place of
#         rule sample; where plain MD stands in place of samples, results/{dataset}/plain_md/{model}/{peptide}/

PLAIN_MD_OF_MODEL = {name: SETTINGS.plain_md_of(name) for name in OUTSIDE_MODELS if SETTINGS.plain_md_of(name)}


rule simulate_plain_md:
    input:
        pdb=layout.PEPTIDE["pdb"],
    output:
        **layout.PLAIN_MD,
    log:
        layout.log_of("simulate_plain_md", layout.PLAIN_MD["record"]),
    benchmark:
        layout.log_of("simulate_plain_md", layout.PLAIN_MD["record"], ".tsv")
    wildcard_constraints:
        model=one_of(PLAIN_MD_OF_MODEL),
    priority: 1  # before samples of models that come from elsewhere
    # A job that was stopped exits with an error, and goes on from its saved state when it is tried again.
    retries: tries_again(3)
    conda:
        "../envs/main.yaml"
    resources:
        **needs(4000, 1440),
        gpu=lambda wildcards: PLAIN_MD_OF_MODEL[wildcards.model].gpus,
    params:
        settings=lambda wildcards: PLAIN_MD_OF_MODEL[wildcards.model].model_dump(mode="json"),
        work=WORK["plain_md"],
    message:
        "Simulate {wildcards.peptide} as {wildcards.model}: {params.settings[replicas]} x {params.settings[production]:g} ps in {params.settings[solvent]} solvent"
    script:
        "../workflow_scripts/simulate.py"


rule import_samples:
    input:
        pdb=layout.PEPTIDE["pdb"],
        outside=lambda wildcards: given(SETTINGS.outside_of(wildcards.model, wildcards.peptide)[0]),
        outside_topology=lambda wildcards: given(SETTINGS.outside_of(wildcards.model, wildcards.peptide)[1]),
        md_record=lambda wildcards: (
            layout.PLAIN_MD["record"].format(**wildcards) if wildcards.model in PLAIN_MD_OF_MODEL else []
        ),
    output:
        **layout.SAMPLES,
    log:
        layout.log_of("import_samples", layout.SAMPLES["record"]),
    benchmark:
        layout.log_of("import_samples", layout.SAMPLES["record"], ".tsv")
    wildcard_constraints:
        model=one_of(OUTSIDE_MODELS),
    conda:
        "../envs/main.yaml"
    resources:
        **needs(2000, 60),
    params:
        seconds=lambda wildcards: SETTINGS.models[wildcards.model].seconds,
        device=lambda wildcards: SETTINGS.models[wildcards.model].device,
        work=WORK["import_samples"],
    message:
        "Take in the samples of {wildcards.peptide} by {wildcards.model}"
    script:
        "../workflow_scripts/import_samples.py"
