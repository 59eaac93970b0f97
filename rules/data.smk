# Needs:  results/{dataset}/md/{peptide}/
# Makes:  results/{dataset}/features/{split}/{peptide}.h5 and features/dataset.json; with frame_weights also
#         features/weights.npz, weights.json and transitions.npz, and results/{dataset}/md/{peptide}/weights.npz


rule featurize:
    input:
        trajectory=layout.MD["trajectory"],
        topology=layout.MD["topology"],
        record=layout.MD["record"],
    output:
        features=layout.FEATURES,
    log:
        layout.log_of("featurize", layout.FEATURES),
    benchmark:
        layout.log_of("featurize", layout.FEATURES, ".tsv")
    priority: 1  # before samples of models that come from elsewhere
    conda:
        "../envs/main.yaml"
    resources:
        **needs(2000, 60),
    params:
        settings=config["features"],
    message:
        "Take the heavy atoms of the MD of {wildcards.peptide} as features for {wildcards.split}"
    script:
        "../workflow_scripts/featurize.py"


# Test peptides are left out on purpose: adding one must not retrain.
rule describe_dataset:
    input:
        train=expand(layout.FEATURES, split="train", peptide=SPLITS["train"], allow_missing=True),
        validation=expand(layout.FEATURES, split="validation", peptide=SPLITS["validation"], allow_missing=True),
    output:
        dataset=layout.DATASET,
    log:
        layout.log_of("describe_dataset", layout.DATASET),
    benchmark:
        layout.log_of("describe_dataset", layout.DATASET, ".tsv")
    priority: 1  # before samples of models that come from elsewhere
    conda:
        "../envs/main.yaml"
    resources:
        **needs(2000, 30),
    message:
        "Count the training frames and average their squared distances"
    script:
        "../workflow_scripts/describe_dataset.py"


# Only with frame_weights does a training ask for it. Test peptides are left out here too.
rule weigh_training:
    input:
        train=rules.describe_dataset.input.train,
    output:
        **layout.TRAINING_WEIGHTS,
    log:
        layout.log_of("weigh_training", layout.TRAINING_WEIGHTS["record"]),
    benchmark:
        layout.log_of("weigh_training", layout.TRAINING_WEIGHTS["record"], ".tsv")
    conda:
        "../envs/main.yaml"
    resources:
        **needs(4000, 60),
    params:
        settings=config["frame_weights"],
    message:
        "Weigh the training frames by Markov state models of the residues"
    script:
        "../workflow_scripts/weigh_frames.py"


# Only with frame_weights does an evaluation ask for it.
use rule weigh_training as weigh_reference with:
    input:
        **{name: layout.MD[name] for name in ("trajectory", "topology", "record")},
        pool=layout.TRAINING_WEIGHTS["pool"],
    output:
        **layout.MD_WEIGHTS,
    log:
        layout.log_of("weigh_reference", layout.MD_WEIGHTS["weights"]),
    benchmark:
        layout.log_of("weigh_reference", layout.MD_WEIGHTS["weights"], ".tsv")
    message:
        "Weigh the MD of {wildcards.peptide} by a Markov model of its transitions"
