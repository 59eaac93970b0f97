# Needs:  results/{dataset}/samples/{model}/{peptide}/ of the models that populations.models names, and the built peptide
# Makes:  results/{dataset}/populations/{model}/{peptide}/: md.xtc, topology.pdb, weights.npz, populations.npz and .json;
#         results/{dataset}/samples/{model}+md/{peptide}/: the same MD as samples with weights, to be evaluated as such

from jamun.config.populations import OF_SIMULATE

SHORT_MD = SETTINGS.simulate_of("test")


rule populate:
    input:
        **layout.SAMPLES,
        pdb=layout.PEPTIDE["pdb"],
    output:
        **layout.POPULATIONS,
    log:
        layout.log_of("populate", layout.POPULATIONS["result"]),
    benchmark:
        layout.log_of("populate", layout.POPULATIONS["result"], ".tsv")
    wildcard_constraints:
        model=one_of(POPULATED_MODELS),
    # A job that was stopped exits with an error, and goes on with the runs that it has made when it is tried again.
    retries: tries_again(3)
    conda:
        "../envs/main.yaml"
    threads: 8
    resources:
        **needs(4000, 240),
        gpu=SHORT_MD.gpus,
    params:
        settings={key: value for key, value in config["populations"].items() if key != "models"},
        # Of simulate what decides the runs, so that longer MD of the test peptides makes none of them anew.
        simulate=SHORT_MD.model_dump(mode="json", include={*OF_SIMULATE}),
        work=WORK["populate"],
    message:
        "Weigh samples of {wildcards.peptide} by model {wildcards.model} with at most {params.settings[budget]:g} ps of short MD"
    script:
        "../workflow_scripts/populate.py"


rule weighted_samples:
    input:
        **layout.POPULATIONS,
        sampling=layout.SAMPLES["record"],
    output:
        **layout.WEIGHTED_SAMPLES,
    log:
        layout.log_of("weighted_samples", layout.SAMPLES["record"]),
    benchmark:
        layout.log_of("weighted_samples", layout.SAMPLES["record"], ".tsv")
    wildcard_constraints:
        model=one_of(POPULATED_MODELS),
    conda:
        "../envs/main.yaml"
    resources:
        **needs(2000, 10),
    message:
        "Take the weighted MD of {wildcards.peptide} from samples by model {wildcards.model} as samples"
    script:
        "../workflow_scripts/weighted_samples.py"
