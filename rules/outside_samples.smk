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
        layout.log_of("import_samples", layout.SAMPLES["record"]),
    benchmark:
        layout.log_of("import_samples", layout.SAMPLES["record"], ".tsv")
    wildcard_constraints:
        model=one_of(OUTSIDE_MODELS),
    conda:
        "../envs/main.yaml"
    threads: 1
    resources:
        **needs(2000, 60),
    params:
        seconds=lambda wildcards: SETTINGS.models[wildcards.model].seconds,
        device=lambda wildcards: SETTINGS.models[wildcards.model].device,
        work=f"{WORK}/import_samples/{{dataset}}/{{model}}/{{peptide}}",
    message:
        "Take in the samples of {wildcards.peptide} that {wildcards.model} made elsewhere"
    script:
        "../workflow_scripts/import_samples.py"
