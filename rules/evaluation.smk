# Needs:  results/{dataset}/md/{peptide}/ and results/{dataset}/samples/{model}/{peptide}/
# Makes:  results/{dataset}/evaluation/{model}/{peptide}.json and .npz, the same below msm/, dynamics/ and physicality/,
#         ensemble/{peptide}/md.pdb and samples.pdb; evaluation/summary.csv, .md, .tex, .html and timing.csv;
#         results/{dataset}/simulations/{peptide}.npz and .json; of two models or more results/{dataset}/comparison/
#         {peptide}.json and .npz

COMPARE_SETTINGS = {
    key: value
    for key, value in config["evaluation"].items()
    if key not in ("msm", "dynamics", "physicality", "wasserstein")
}


rule describe_simulation:
    input:
        **layout.MD,
    output:
        series=layout.MD_SERIES,
    log:
        layout.log_of("describe_simulation", layout.MD_SERIES),
    benchmark:
        layout.log_of("describe_simulation", layout.MD_SERIES, ".tsv")
    conda:
        "../envs/main.yaml"
    resources:
        **needs(2000, 30),
    message:
        "Read temperature, energies and torsions in time from the MD of {wildcards.peptide}"
    script:
        "../workflow_scripts/describe_simulation.py"


# Of the MD alone, and so once for all models: optimal transport takes nearly all of the time.
rule md_distances:
    input:
        **{name: layout.MD[name] for name in ("trajectory", "topology", "record")},
        **MD_WEIGHTS,
    output:
        result=layout.MD_DISTANCES,
    log:
        layout.log_of("md_distances", layout.MD_DISTANCES),
    benchmark:
        layout.log_of("md_distances", layout.MD_DISTANCES, ".tsv")
    conda:
        "../envs/main.yaml"
    resources:
        **needs(4000, 60),
    params:
        settings=config["evaluation"]["dynamics"],
    message:
        "Compare pieces of the MD of {wildcards.peptide} with each other"
    script:
        "../workflow_scripts/md_distances.py"


# Each analysis of samples against MD: what it reads of the configuration, its longest run time in minutes, what it does.
ANALYSES = {
    "compare": (
        {"settings": COMPARE_SETTINGS},
        60,
        "Compare samples of {wildcards.peptide} by model {wildcards.model} with its MD",
    ),
    "dynamics": (
        {"settings": config["evaluation"]["dynamics"]},
        60,
        "Compare the slow motions of {wildcards.peptide} in its MD and in samples by model {wildcards.model}",
    ),
    "physicality": (
        {"settings": config["evaluation"]["physicality"], "bins": config["evaluation"]["ramachandran_bins"]},
        30,
        "Check how physical samples of {wildcards.peptide} by model {wildcards.model} are, and which basins they cover",
    ),
}
# The samples of the models, and those of the rows of the ablation.
ANALYSED = {"": (layout.SAMPLES, layout.EVALUATION)}
if not SETTINGS.partial:
    ANALYSED["ablation_"] = (layout.ABLATION_SAMPLES, layout.ABLATION_EVALUATION)

for prefix, (SAMPLED, MADE) in ANALYSED.items():
    for analysis, (SECTIONS, minutes, does) in ANALYSES.items():

        rule:
            name:
                f"{prefix}{analysis}"
            input:
                **md_against(SAMPLED),
                **({"baselines": layout.MD_DISTANCES} if analysis == "dynamics" else {}),
                sampling_record=SAMPLED["record"],
            output:
                **MADE[analysis],
            log:
                layout.log_of(f"{prefix}{analysis}", SAMPLED["record"]),
            benchmark:
                layout.log_of(f"{prefix}{analysis}", SAMPLED["record"], ".tsv")
            conda:
                "../envs/main.yaml"
            resources:
                **needs(4000, minutes),
            params:
                **SECTIONS,
            message:
                does + (", variant {wildcards.variant}" if prefix else "")
            script:
                "../workflow_scripts/evaluate.py"


if WASSERSTEIN:

    rule wasserstein:
        input:
            **md_against(layout.SAMPLES),
            pdb=layout.PEPTIDE["pdb"],
        output:
            **layout.WASSERSTEIN,
        log:
            layout.log_of("wasserstein", layout.SAMPLES["record"]),
        benchmark:
            layout.log_of("wasserstein", layout.SAMPLES["record"], ".tsv")
        conda:
            "../envs/main.yaml"
        resources:
            # Transport between 10,000 frames and as many takes 4.3 GB.
            **needs(8000, 120),
        params:
            settings=config["evaluation"]["wasserstein"],
            simulate=SETTINGS.simulate_of("test").model_dump(mode="json"),
        message:
            "Transport samples of {wildcards.peptide} by model {wildcards.model} to its MD, with their energies"
        script:
            "../workflow_scripts/wasserstein.py"


rule msm_features:
    input:
        **md_against(layout.SAMPLES),
    output:
        features=temp(layout.MSM_FEATURES),
    log:
        layout.log_of("msm_features", layout.MSM_FEATURES),
    benchmark:
        layout.log_of("msm_features", layout.MSM_FEATURES, ".tsv")
    conda:
        "../envs/main.yaml"
    resources:
        **needs(4000, 30),
    message:
        "Read the torsions of {wildcards.peptide} for its Markov state model, samples by model {wildcards.model}"
    script:
        "../workflow_scripts/evaluate.py"


rule msm:
    input:
        features=layout.MSM_FEATURES,
    output:
        **layout.EVALUATION["msm"],
    log:
        layout.log_of("msm", layout.MSM_FEATURES),
    benchmark:
        layout.log_of("msm", layout.MSM_FEATURES, ".tsv")
    conda:
        "../envs/pyemma.yaml"
    resources:
        **needs(4000, 60),
        # A resource and not a param: it differs between machines, and must not cause a rerun.
        python=MSM_PYTHON,
    params:
        settings=json.dumps(config["evaluation"]["msm"]),
    message:
        "Build the Markov state model of {wildcards.peptide}, samples by model {wildcards.model}"
    shell:
        "{resources.python} -P -m jamun.evaluation.msm --features {input.features:q} --settings {params.settings:q} "
        "--result {output.result:q} --arrays {output.arrays:q} --log {log:q}"


if SIDE_BY_SIDE:

    rule compare_models:
        input:
            **MD_WEIGHTS,
            reference=layout.MD["trajectory"],
            reference_topology=layout.MD["topology"],
            md_record=md_record,
            samples=of_every_model(layout.SAMPLES["samples"]),
            samples_topologies=of_every_model(layout.SAMPLES["topology"]),
            sampling_records=of_every_model(layout.SAMPLES["record"]),
        output:
            **layout.COMPARISON,
        log:
            layout.log_of("compare_models", layout.COMPARISON["result"]),
        benchmark:
            layout.log_of("compare_models", layout.COMPARISON["result"], ".tsv")
        conda:
            "../envs/main.yaml"
        resources:
            **needs(4000, 60),
        params:
            models=MODELS,
            settings=COMPARE_SETTINGS,
        message:
            "Compare samples of {wildcards.peptide} by every model at equal wall clock"
        script:
            "../workflow_scripts/compare_models.py"


rule superpose:
    input:
        **md_against(layout.SAMPLES),
    output:
        **layout.ENSEMBLE,
    log:
        layout.log_of("superpose", layout.SAMPLES["record"]),
    benchmark:
        layout.log_of("superpose", layout.SAMPLES["record"], ".tsv")
    conda:
        "../envs/main.yaml"
    resources:
        **needs(4000, 30),
    params:
        frames=40,
    message:
        "Superpose conformations of {wildcards.peptide} from its MD and from samples by model {wildcards.model}"
    script:
        "../workflow_scripts/superpose.py"


rule summarize:
    input:
        results=over_test_peptides(layout.EVALUATION["compare"]["result"]),
        msm=over_test_peptides(layout.EVALUATION["msm"]["result"]),
        dynamics=over_test_peptides(layout.EVALUATION["dynamics"]["result"]),
        physicality=over_test_peptides(layout.EVALUATION["physicality"]["result"]),
        wasserstein=over_test_peptides(layout.WASSERSTEIN["result"]) if WASSERSTEIN else [],
        records=over_test_peptides(layout.SAMPLES["record"]),
    output:
        summary=in_report(layout.SUMMARY, "table", "1. How close to MD?", "Table of results (CSV)"),
    log:
        layout.log_of("summarize", layout.SUMMARY),
    benchmark:
        layout.log_of("summarize", layout.SUMMARY, ".tsv")
    conda:
        "../envs/main.yaml"
    resources:
        **needs(2000, 10),
    params:
        # How many peptides a whole summary has.
        of=N_TEST,
    message:
        "Summarise every model evaluated on {wildcards.dataset}"
    script:
        "../workflow_scripts/summarize.py"


rule tabulate:
    input:
        summary=layout.SUMMARY,
        results=over_test_peptides(layout.EVALUATION["compare"]["result"]),
        msm=over_test_peptides(layout.EVALUATION["msm"]["result"]),
        records=over_test_peptides(layout.SAMPLES["record"]),
    output:
        page=in_report(layout.TABLES["page"], "tables", "1. How close to MD?", "Tables of results"),
        markdown=layout.TABLES["markdown"],
        latex=layout.TABLES["latex"],
        timing=layout.TIMING,
    log:
        layout.log_of("tabulate", layout.TIMING),
    benchmark:
        layout.log_of("tabulate", layout.TIMING, ".tsv")
    conda:
        "../envs/main.yaml"
    resources:
        **needs(2000, 10),
    params:
        samples=lambda wildcards: f"results/{wildcards.dataset}/samples",
    message:
        "Write the tables of every model evaluated on {wildcards.dataset}"
    script:
        "../workflow_scripts/tabulate.py"
