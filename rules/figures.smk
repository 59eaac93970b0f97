# Needs:  results/{dataset}/evaluation/, results/{dataset}/simulations/{peptide}.npz, and a model's metrics.csv
# Makes:  results/{dataset}/figures/{model}/{kind}/{peptide}.png and .pdf, figures/{model}/loss.*, figures/summary.*;
#         results/{dataset}/simulations/{peptide}.png and .pdf


rule plot_simulation:
    input:
        series="results/{dataset}/simulations/{peptide}.npz",
    output:
        png=report(
            "results/{dataset}/simulations/{peptide}.png",
            caption="../docs/captions/simulation.rst",
            category="Simulations",
            labels={"figure": "MD in time", "peptide": "{peptide}"},
        ),
        pdf="results/{dataset}/simulations/{peptide}.pdf",
    log:
        "logs/{dataset}/plot_simulation/{peptide}.log",
    benchmark:
        "logs/{dataset}/plot_simulation/{peptide}.tsv"
    conda:
        "../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        settings=config["figures"],
    message:
        "MD of {wildcards.peptide} in time"
    script:
        "../workflow_scripts/plot_simulation.py"


rule plot_ramachandran:
    input:
        result="results/{dataset}/evaluation/{model}/{peptide}.json",
        arrays="results/{dataset}/evaluation/{model}/{peptide}.npz",
    output:
        png=report(
            "results/{dataset}/figures/{model}/ramachandran/{peptide}.png",
            caption="../docs/captions/ramachandran.rst",
            category="Peptide {peptide}",
            labels={"question": "2. Which conformations?", "figure": "Ramachandran maps", "model": "{model}"},
        ),
        pdf="results/{dataset}/figures/{model}/ramachandran/{peptide}.pdf",
    log:
        "logs/{dataset}/plot_ramachandran/{model}/{peptide}.log",
    benchmark:
        "logs/{dataset}/plot_ramachandran/{model}/{peptide}.tsv"
    conda:
        "../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        settings=config["figures"],
    message:
        "Ramachandran maps of {wildcards.peptide}"
    script:
        "../workflow_scripts/plot_ramachandran.py"


rule plot_torsions:
    input:
        result="results/{dataset}/evaluation/{model}/{peptide}.json",
        arrays="results/{dataset}/evaluation/{model}/{peptide}.npz",
    output:
        png=report(
            "results/{dataset}/figures/{model}/torsions/{peptide}.png",
            caption="../docs/captions/torsions.rst",
            category="Peptide {peptide}",
            labels={"question": "2. Which conformations?", "figure": "Torsion distributions", "model": "{model}"},
        ),
        pdf="results/{dataset}/figures/{model}/torsions/{peptide}.pdf",
    log:
        "logs/{dataset}/plot_torsions/{model}/{peptide}.log",
    benchmark:
        "logs/{dataset}/plot_torsions/{model}/{peptide}.tsv"
    conda:
        "../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        settings=config["figures"],
    message:
        "Torsion distributions of {wildcards.peptide}"
    script:
        "../workflow_scripts/plot_torsions.py"


rule plot_convergence:
    input:
        result="results/{dataset}/evaluation/{model}/{peptide}.json",
    output:
        png=report(
            "results/{dataset}/figures/{model}/convergence/{peptide}.png",
            caption="../docs/captions/convergence.rst",
            category="Peptide {peptide}",
            labels={"question": "3. How fast?", "figure": "JS distance against time", "model": "{model}"},
        ),
        pdf="results/{dataset}/figures/{model}/convergence/{peptide}.pdf",
    log:
        "logs/{dataset}/plot_convergence/{model}/{peptide}.log",
    benchmark:
        "logs/{dataset}/plot_convergence/{model}/{peptide}.tsv"
    conda:
        "../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        settings=config["figures"],
    message:
        "JS distance against time for {wildcards.peptide}"
    script:
        "../workflow_scripts/plot_convergence.py"


rule plot_msm:
    input:
        result="results/{dataset}/evaluation/{model}/msm/{peptide}.json",
        arrays="results/{dataset}/evaluation/{model}/msm/{peptide}.npz",
    output:
        png=report(
            "results/{dataset}/figures/{model}/msm/{peptide}.png",
            caption="../docs/captions/msm.rst",
            category="Peptide {peptide}",
            labels={"question": "4. How do they move?", "figure": "Macrostates of the MSM", "model": "{model}"},
        ),
        pdf="results/{dataset}/figures/{model}/msm/{peptide}.pdf",
    log:
        "logs/{dataset}/plot_msm/{model}/{peptide}.log",
    benchmark:
        "logs/{dataset}/plot_msm/{model}/{peptide}.tsv"
    conda:
        "../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        settings=config["figures"],
    message:
        "Macrostates of {wildcards.peptide}"
    script:
        "../workflow_scripts/plot_msm.py"


rule plot_loss:
    input:
        metrics="results/{dataset}/models/{model}/metrics.csv",
        record="results/{dataset}/models/{model}/training.json",
    output:
        png=report(
            "results/{dataset}/figures/{model}/loss.png",
            caption="../docs/captions/loss.rst",
            category="Models",
            labels={"figure": "Loss curves", "model": "{model}"},
        ),
        pdf="results/{dataset}/figures/{model}/loss.pdf",
    log:
        "logs/{dataset}/plot_loss/{model}.log",
    benchmark:
        "logs/{dataset}/plot_loss/{model}.tsv"
    conda:
        "../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        settings=config["figures"],
    message:
        "Loss curves of model {wildcards.model}"
    script:
        "../workflow_scripts/plot_loss.py"


rule plot_summary:
    input:
        summary="results/{dataset}/evaluation/summary.csv",
    output:
        png=report(
            "results/{dataset}/figures/summary.png",
            caption="../docs/captions/summary.rst",
            category="Summary",
            labels={"question": "1. How close to MD?", "figure": "JS distances", "model": "all"},
        ),
        pdf="results/{dataset}/figures/summary.pdf",
    log:
        "logs/{dataset}/plot_summary.log",
    benchmark:
        "logs/{dataset}/plot_summary.tsv"
    conda:
        "../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=2000,
        runtime=10,
    params:
        settings=config["figures"],
    message:
        "JS distances of every peptide and model"
    script:
        "../workflow_scripts/plot_summary.py"
