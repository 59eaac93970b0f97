# Needs:  results/{dataset}/samples/{model}/{peptide}/ and the structure that they started from; no MD
# Makes:  results/{dataset}/evaluation/{model}/{peptide}.json and .npz, and evaluation/summary.csv, .md, .tex and .html,
#         in place of the rules that compare with MD


rule describe_samples:
    input:
        samples="results/{dataset}/samples/{model}/{peptide}/samples.xtc",
        samples_topology="results/{dataset}/samples/{model}/{peptide}/topology.pdb",
        sampling_record="results/{dataset}/samples/{model}/{peptide}/sampling.json",
        structure="results/{dataset}/peptides/{peptide}.pdb",
    output:
        result="results/{dataset}/evaluation/{model}/{peptide}.json",
        arrays="results/{dataset}/evaluation/{model}/{peptide}.npz",
    log:
        "logs/{dataset}/describe_samples/{model}/{peptide}.log",
    benchmark:
        "logs/{dataset}/describe_samples/{model}/{peptide}.tsv"
    conda:
        "../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        settings={key: config["evaluation"][key] for key in ("torsion_bins", "ramachandran_bins", "physicality")},
    message:
        "Measure the torsions and the geometry of samples of {wildcards.peptide} by model {wildcards.model}"
    script:
        "../workflow_scripts/describe_samples.py"


rule summarize:
    input:
        results=over_test_peptides("results/{dataset}/evaluation/{model}/{peptide}.json"),
    output:
        summary=report(
            "results/{dataset}/evaluation/summary.csv",
            caption="../docs/captions/samples_table.rst",
            category="Summary",
            labels={"question": "1. What came out?", "figure": "Table of results (CSV)", "model": "all"},
        ),
        page=report(
            "results/{dataset}/evaluation/summary.html",
            caption="../docs/captions/samples_table.rst",
            category="Summary",
            labels={"question": "1. What came out?", "figure": "Tables of results", "model": "all"},
        ),
        markdown="results/{dataset}/evaluation/summary.md",
        latex="results/{dataset}/evaluation/summary.tex",
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
    message:
        "Write the tables of the samples of every model on {wildcards.dataset}"
    script:
        "../workflow_scripts/tabulate_samples.py"
