# Needs:  results/{dataset}/md/{peptide}/ and results/{dataset}/samples/{model}/{peptide}/
# Makes:  results/{dataset}/evaluation/{model}/{peptide}.json and .npz, the same below msm/, and evaluation/summary.csv;
#         results/{dataset}/simulations/{peptide}.npz and, of two models or more, results/{dataset}/comparison/{peptide}
#         .json and .npz, which are apart from them since a model may have any name


rule describe_simulation:
    input:
        trajectory="results/{dataset}/md/{peptide}/trajectory.xtc",
        topology="results/{dataset}/md/{peptide}/topology.pdb",
        state="results/{dataset}/md/{peptide}/state.csv",
        record="results/{dataset}/md/{peptide}/md.json",
    output:
        series="results/{dataset}/simulations/{peptide}.npz",
    log:
        "logs/{dataset}/describe_simulation/{peptide}.log",
    benchmark:
        "logs/{dataset}/describe_simulation/{peptide}.tsv"
    conda:
        "../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(30),
    message:
        "Read temperature, energies and torsions in time from the MD of {wildcards.peptide}"
    script:
        "../workflow_scripts/describe_simulation.py"


rule compare:
    input:
        reference="results/{dataset}/md/{peptide}/trajectory.xtc",
        reference_topology="results/{dataset}/md/{peptide}/topology.pdb",
        md_record=md_record,
        samples="results/{dataset}/samples/{model}/{peptide}/samples.xtc",
        samples_topology="results/{dataset}/samples/{model}/{peptide}/topology.pdb",
        sampling_record="results/{dataset}/samples/{model}/{peptide}/sampling.json",
    output:
        result="results/{dataset}/evaluation/{model}/{peptide}.json",
        arrays="results/{dataset}/evaluation/{model}/{peptide}.npz",
    log:
        "logs/{dataset}/compare/{model}/{peptide}.log",
    benchmark:
        "logs/{dataset}/compare/{model}/{peptide}.tsv"
    conda:
        "../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        settings={
            key: value for key, value in config["evaluation"].items() if key not in ("msm", "dynamics", "physicality")
        },
    message:
        "Compare samples of {wildcards.peptide} by model {wildcards.model} with its MD"
    script:
        "../workflow_scripts/compare.py"


if SIDE_BY_SIDE:

    rule compare_models:
        input:
            reference=rules.compare.input.reference,
            reference_topology=rules.compare.input.reference_topology,
            md_record=rules.compare.input.md_record,
            samples=of_every_model("results/{dataset}/samples/{model}/{peptide}/samples.xtc"),
            samples_topologies=of_every_model("results/{dataset}/samples/{model}/{peptide}/topology.pdb"),
            sampling_records=of_every_model("results/{dataset}/samples/{model}/{peptide}/sampling.json"),
        output:
            result="results/{dataset}/comparison/{peptide}.json",
            arrays="results/{dataset}/comparison/{peptide}.npz",
        log:
            "logs/{dataset}/compare_models/{peptide}.log",
        benchmark:
            "logs/{dataset}/compare_models/{peptide}.tsv"
        conda:
            "../envs/main.yaml"
        threads: 1
        resources:
            mem_mb=growing(4000),
            runtime=growing(60),
        params:
            models=MODELS,
            settings=rules.compare.params.settings,
        message:
            "Compare samples of {wildcards.peptide} by every model at equal wall clock"
        script:
            "../workflow_scripts/compare_models.py"


rule msm_features:
    input:
        reference=rules.compare.input.reference,
        reference_topology=rules.compare.input.reference_topology,
        md_record=rules.compare.input.md_record,
        samples=rules.compare.input.samples,
        samples_topology=rules.compare.input.samples_topology,
    output:
        features=temp("results/{dataset}/evaluation/{model}/msm/{peptide}.torsions.npz"),
    log:
        "logs/{dataset}/msm_features/{model}/{peptide}.log",
    benchmark:
        "logs/{dataset}/msm_features/{model}/{peptide}.tsv"
    conda:
        "../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    message:
        "Read the torsions of {wildcards.peptide} for its Markov state model, samples by model {wildcards.model}"
    script:
        "../workflow_scripts/msm_features.py"


rule msm:
    input:
        features=rules.msm_features.output.features,
    output:
        result="results/{dataset}/evaluation/{model}/msm/{peptide}.json",
        arrays="results/{dataset}/evaluation/{model}/msm/{peptide}.npz",
    log:
        "logs/{dataset}/msm/{model}/{peptide}.log",
    benchmark:
        "logs/{dataset}/msm/{model}/{peptide}.tsv"
    conda:
        "../envs/pyemma.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
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


rule summarize:
    input:
        results=over_test_peptides("results/{dataset}/evaluation/{model}/{peptide}.json"),
        msm=over_test_peptides("results/{dataset}/evaluation/{model}/msm/{peptide}.json"),
        dynamics=over_test_peptides("results/{dataset}/evaluation/{model}/dynamics/{peptide}.json"),
        physicality=over_test_peptides("results/{dataset}/evaluation/{model}/physicality/{peptide}.json"),
        records=over_test_peptides("results/{dataset}/samples/{model}/{peptide}/sampling.json"),
    output:
        summary=report(
            "results/{dataset}/evaluation/summary.csv",
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
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        # How many peptides a whole summary has.
        of=N_TEST,
    message:
        "Summarise every model evaluated on {wildcards.dataset}"
    script:
        "../workflow_scripts/summarize.py"
