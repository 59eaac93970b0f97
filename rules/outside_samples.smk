# Needs:  results/{dataset}/peptides/{peptide}.pdb and the samples that another program made of the peptide
# Makes:  results/{dataset}/samples/{model}/{peptide}/: samples.xtc, topology.pdb, flags.npz, sampling.json, in place of
#         rule sample


rule import_samples:
    input:
        pdb=layout.PEPTIDE["pdb"],
        outside=lambda wildcards: given(SETTINGS.outside_of(wildcards.model, wildcards.peptide)[0]),
        outside_topology=lambda wildcards: given(SETTINGS.outside_of(wildcards.model, wildcards.peptide)[1]),
    output:
        **layout.SAMPLES,
    log:
        "logs/{dataset}/import_samples/{model}/{peptide}.log",
    benchmark:
        "logs/{dataset}/import_samples/{model}/{peptide}.tsv"
    wildcard_constraints:
        model=one_of(OUTSIDE_MODELS),
    conda:
        "../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        seconds=lambda wildcards: SETTINGS.models[wildcards.model].seconds,
        device=lambda wildcards: SETTINGS.models[wildcards.model].device,
        work=f"{WORK}/import_samples/{{dataset}}/{{model}}/{{peptide}}",
    message:
        "Take in the samples of {wildcards.peptide} that {wildcards.model} made elsewhere"
    script:
        "../workflow_scripts/import_samples.py"
