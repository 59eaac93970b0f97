# Needs:  results/{dataset}/md/{peptide}/, samples/{model}/{peptide}/, evaluation/
# Makes:  results/{dataset}/evaluation/{model}/ensemble/{peptide}/: md.pdb, samples.pdb;
#         results/{dataset}/evaluation/: summary.md, summary.tex, summary.html, timing.csv;
#         results/{dataset}/figures/{model}/ensemble/{peptide}.png and .pdf, viewer/{peptide}.html, figures/timing.*


rule superpose:
    input:
        reference=rules.compare.input.reference,
        reference_topology=rules.compare.input.reference_topology,
        md_record=rules.compare.input.md_record,
        samples=rules.compare.input.samples,
        samples_topology=rules.compare.input.samples_topology,
    output:
        md="results/{dataset}/evaluation/{model}/ensemble/{peptide}/md.pdb",
        samples="results/{dataset}/evaluation/{model}/ensemble/{peptide}/samples.pdb",
    log:
        "logs/{dataset}/superpose/{model}/{peptide}.log",
    benchmark:
        "logs/{dataset}/superpose/{model}/{peptide}.tsv"
    conda:
        "../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        frames=40,
    message:
        "Superpose conformations of {wildcards.peptide} from its MD and from samples by model {wildcards.model}"
    script:
        "../workflow_scripts/superpose.py"


rule tabulate:
    input:
        summary="results/{dataset}/evaluation/summary.csv",
        results=over_test_peptides("results/{dataset}/evaluation/{model}/{peptide}.json"),
        msm=over_test_peptides("results/{dataset}/evaluation/{model}/msm/{peptide}.json"),
        records=over_test_peptides("results/{dataset}/samples/{model}/{peptide}/sampling.json"),
    output:
        page=report(
            "results/{dataset}/evaluation/summary.html",
            caption="../docs/captions/tables.rst",
            category="Summary",
            labels={"question": "1. How close to MD?", "figure": "Tables of results", "model": "all"},
        ),
        markdown="results/{dataset}/evaluation/summary.md",
        latex="results/{dataset}/evaluation/summary.tex",
        timing="results/{dataset}/evaluation/timing.csv",
    log:
        "logs/{dataset}/tabulate.log",
    benchmark:
        "logs/{dataset}/tabulate.tsv"
    conda:
        "../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        samples=lambda wildcards: f"results/{wildcards.dataset}/samples",
    message:
        "Write the tables of every model evaluated on {wildcards.dataset}"
    script:
        "../workflow_scripts/tabulate.py"
