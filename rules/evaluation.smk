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
MSM_FEATURES = "results/{dataset}/evaluation/{model}/msm/{peptide}.torsions.npz"


rule describe_simulation:
    input:
        **layout.MD,
    output:
        series=layout.MD_SERIES,
    log:
        "logs/{dataset}/describe_simulation/{peptide}.log",
    benchmark:
        "logs/{dataset}/describe_simulation/{peptide}.tsv"
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
        "logs/{dataset}/md_distances/{peptide}.log",
    benchmark:
        "logs/{dataset}/md_distances/{peptide}.tsv"
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


rule compare:
    input:
        **md_against_recorded(layout.SAMPLES),
    output:
        **layout.EVALUATION["compare"],
    log:
        "logs/{dataset}/compare/{model}/{peptide}.log",
    benchmark:
        "logs/{dataset}/compare/{model}/{peptide}.tsv"
    conda:
        "../envs/main.yaml"
    resources:
        **needs(4000, 60),
    params:
        settings=COMPARE_SETTINGS,
    message:
        "Compare samples of {wildcards.peptide} by model {wildcards.model} with its MD"
    script:
        "../workflow_scripts/evaluate.py"


rule dynamics:
    input:
        **md_against_recorded(layout.SAMPLES),
        baselines=layout.MD_DISTANCES,
    output:
        **layout.EVALUATION["dynamics"],
    log:
        "logs/{dataset}/dynamics/{model}/{peptide}.log",
    benchmark:
        "logs/{dataset}/dynamics/{model}/{peptide}.tsv"
    conda:
        "../envs/main.yaml"
    resources:
        **needs(4000, 60),
    params:
        settings=config["evaluation"]["dynamics"],
    message:
        "Compare the slow motions of {wildcards.peptide} in its MD and in samples by model {wildcards.model}"
    script:
        "../workflow_scripts/evaluate.py"


rule physicality:
    input:
        **md_against_recorded(layout.SAMPLES),
    output:
        **layout.EVALUATION["physicality"],
    log:
        "logs/{dataset}/physicality/{model}/{peptide}.log",
    benchmark:
        "logs/{dataset}/physicality/{model}/{peptide}.tsv"
    conda:
        "../envs/main.yaml"
    resources:
        **needs(4000, 30),
    params:
        settings=config["evaluation"]["physicality"],
        bins=config["evaluation"]["ramachandran_bins"],
    message:
        "Check how physical samples of {wildcards.peptide} by model {wildcards.model} are, and which basins they cover"
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
            "logs/{dataset}/wasserstein/{model}/{peptide}.log",
        benchmark:
            "logs/{dataset}/wasserstein/{model}/{peptide}.tsv"
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
        features=temp(MSM_FEATURES),
    log:
        "logs/{dataset}/msm_features/{model}/{peptide}.log",
    benchmark:
        "logs/{dataset}/msm_features/{model}/{peptide}.tsv"
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
        features=MSM_FEATURES,
    output:
        **layout.EVALUATION["msm"],
    log:
        "logs/{dataset}/msm/{model}/{peptide}.log",
    benchmark:
        "logs/{dataset}/msm/{model}/{peptide}.tsv"
    conda:
        "../envs/pyemma.yaml"
    resources:
        **needs(4000, 60),
        # A resource and not a param: it differs between machines, and must not cause a rerun.
        python=msm_interpreter(),
    params:
        script=ROOT / "workflow_scripts" / "msm.py",
        settings=json.dumps(config["evaluation"]["msm"]),
    message:
        "Build the Markov state model of {wildcards.peptide}, samples by model {wildcards.model}"
    shell:
        "{resources.python} {params.script:q} --features {input.features:q} --settings {params.settings:q} "
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
            "logs/{dataset}/compare_models/{peptide}.log",
        benchmark:
            "logs/{dataset}/compare_models/{peptide}.tsv"
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
        "logs/{dataset}/superpose/{model}/{peptide}.log",
    benchmark:
        "logs/{dataset}/superpose/{model}/{peptide}.tsv"
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
        summary=report(
            layout.SUMMARY,
            caption="../docs/captions/table.rst",
            category="Summary",
            labels={"question": "1. How close to MD?", "figure": "Table of results (CSV)", "model": "all"},
        ),
    log:
        "logs/{dataset}/summarize.log",
    benchmark:
        "logs/{dataset}/summarize.tsv"
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
        page=report(
            layout.TABLES["page"],
            caption="../docs/captions/tables.rst",
            category="Summary",
            labels={"question": "1. How close to MD?", "figure": "Tables of results", "model": "all"},
        ),
        markdown=layout.TABLES["markdown"],
        latex=layout.TABLES["latex"],
        timing=layout.TIMING,
    log:
        "logs/{dataset}/tabulate.log",
    benchmark:
        "logs/{dataset}/tabulate.tsv"
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
