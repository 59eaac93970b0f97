# Needs:  results/{dataset}/features/, or a checkpoint brought from elsewhere
# Makes:  results/{dataset}/models/{model}/: checkpoint.ckpt; metrics.csv and training.json where it was trained here


rule train:
    input:
        # All of the training split, or the first so many of it.
        train=lambda wildcards: expand(
            layout.FEATURES,
            dataset=wildcards.dataset,
            split="train",
            peptide=SPLITS["train"][: SETTINGS.training_of(wildcards.model).peptides],
        ),
        validation=rules.describe_dataset.input.validation,
        dataset=rules.describe_dataset.output.dataset,
        initial=initial_checkpoint,
        weights=rules.weigh_training.output.weights if config["frame_weights"] else [],
    output:
        **layout.MODEL,
    log:
        layout.log_of("train", layout.MODEL["checkpoint"]),
    benchmark:
        layout.log_of("train", layout.MODEL["checkpoint"], ".tsv")
    wildcard_constraints:
        model=one_of(TRAINED_MODELS),
    priority: 1  # before samples of models that come from elsewhere
    conda:
        "../envs/main.yaml"
    threads: 16
    resources:
        **needs(16000, 1440),
        gpu=lambda wildcards: SETTINGS.training_of(wildcards.model).gpus,
    params:
        network=lambda wildcards: SETTINGS.network_of(wildcards.model).model_dump(mode="json"),
        training=lambda wildcards: SETTINGS.training_of(wildcards.model).model_dump(mode="json"),
        work=WORK["train"],
        tensorboard="logs/{dataset}/train/{model}_tensorboard",
    message:
        "Train model {wildcards.model} for {params.training[max_steps]} steps"
    script:
        "../workflow_scripts/train.py"


rule import_checkpoint:
    input:
        checkpoint=brought_checkpoint,
    output:
        checkpoint=layout.MODEL["checkpoint"],
    log:
        layout.log_of("import_checkpoint", layout.MODEL["checkpoint"]),
    benchmark:
        layout.log_of("import_checkpoint", layout.MODEL["checkpoint"], ".tsv")
    wildcard_constraints:
        model=one_of(BROUGHT_MODELS),
    conda:
        "../envs/main.yaml"
    resources:
        **needs(2000, 10),
    message:
        "Check {input.checkpoint} and take it in as model {wildcards.model}"
    script:
        "../workflow_scripts/import_checkpoint.py"
