# Needs:  results/{dataset}/md/{peptide}/ and results/{dataset}/samples/{model}/{peptide}/
# Makes:  results/{dataset}/evaluation/{model}/{peptide}.json and .npz, the same below msm/, and evaluation/summary.csv;
#         results/{dataset}/simulations/{peptide}.npz, which is apart from them since a model may have any name


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
        mem_mb=2000,
        runtime=30,
    message:
        "Thermodynamics and torsions of {wildcards.peptide} in time"
    script:
        "../workflow_scripts/describe_simulation.py"


rule compare:
    input:
        reference="results/{dataset}/md/{peptide}/trajectory.xtc",
        reference_topology="results/{dataset}/md/{peptide}/topology.pdb",
        md_record="results/{dataset}/md/{peptide}/md.json",
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
        mem_mb=4000,
        runtime=60,
    params:
        settings={
            key: value for key, value in config["evaluation"].items() if key not in ("msm", "dynamics", "physicality")
        },
    message:
        "Compare samples of {wildcards.peptide} by model {wildcards.model} with its MD"
    script:
        "../workflow_scripts/compare.py"


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
        mem_mb=4000,
        runtime=30,
    message:
        "Torsions of {wildcards.peptide} for the Markov state model"
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
        mem_mb=4000,
        runtime=60,
        # A resource and not a param: it differs between machines, and must not cause a rerun.
        python=pyemma_interpreter(),
    params:
        script=Path(workflow.basedir) / "workflow_scripts" / "msm.py",
        settings=json.dumps(config["evaluation"]["msm"]),
    message:
        "Markov state model of {wildcards.peptide}, samples by model {wildcards.model}"
    shell:
        "{resources.python} {params.script:q} --features {input.features:q} --settings {params.settings:q} "
        "--result {output.result:q} --arrays {output.arrays:q} > {log:q} 2>&1 "
        "|| {{ tail -n 1 {log:q} >&2; exit 1; }}"


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
        mem_mb=2000,
        runtime=10,
    message:
        "Summarise every model evaluated on {wildcards.dataset}"
    script:
        "../workflow_scripts/summarize.py"
