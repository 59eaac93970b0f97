# Needs:  results/{dataset}/evaluation/, comparison/, results/{dataset}/simulations/{peptide}.npz, a model's metrics.csv
# Makes:  results/{dataset}/figures/{model}/{kind}/{peptide}.png and .pdf, figures/{model}/loss.*, figures/summary.*,
#         figures/convergence.*; of two models or more figures/comparison.* and figures/comparison/{peptide}.*;
#         results/{dataset}/simulations/{peptide}.png and .pdf


rule plot_simulation:
    input:
        series="results/{dataset}/simulations/{peptide}.npz",
    output:
        png=report(
            "results/{dataset}/simulations/{peptide}.png",
            caption="../docs/captions/simulation.rst",
            category="Simulations",
            labels={"question": "Is the MD in equilibrium?", "figure": "MD of {peptide} in time", "model": "MD"},
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
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        settings=config["figures"],
    message:
        "Draw the MD of {wildcards.peptide} in time"
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
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        settings=config["figures"],
    message:
        "Draw the Ramachandran maps of {wildcards.peptide}, model {wildcards.model}"
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
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        settings=config["figures"],
    message:
        "Draw the torsions of {wildcards.peptide}, model {wildcards.model}"
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
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        settings=config["figures"],
    message:
        "Draw the JS distance of {wildcards.peptide} against time, model {wildcards.model}"
    script:
        "../workflow_scripts/plot_convergence.py"


rule plot_convergence_of_all:
    input:
        results=over_test_peptides("results/{dataset}/evaluation/{model}/{peptide}.json"),
    output:
        png=report(
            "results/{dataset}/figures/convergence.png",
            caption="../docs/captions/convergence_of_all.rst",
            category="Summary",
            labels={"question": "2. How fast?", "figure": "JS distance against time", "model": "all"},
        ),
        pdf="results/{dataset}/figures/convergence.pdf",
    log:
        "logs/{dataset}/plot_convergence_of_all.log",
    benchmark:
        "logs/{dataset}/plot_convergence_of_all.tsv"
    conda:
        "../envs/main.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        settings=config["figures"],
    message:
        "Draw the JS distance against time over the test peptides"
    script:
        "../workflow_scripts/plot_convergence_of_all.py"


if SIDE_BY_SIDE:

    rule plot_comparison:
        input:
            result=rules.compare_models.output.result,
            arrays=rules.compare_models.output.arrays,
        output:
            png=report(
                "results/{dataset}/figures/comparison/{peptide}.png",
                caption="../docs/captions/comparison.rst",
                category="Peptide {peptide}",
                labels={
                    "question": "2. Which conformations?",
                    "figure": "Ramachandran maps at equal wall clock",
                    "model": "all",
                },
            ),
            pdf="results/{dataset}/figures/comparison/{peptide}.pdf",
        log:
            "logs/{dataset}/plot_comparison/{peptide}.log",
        benchmark:
            "logs/{dataset}/plot_comparison/{peptide}.tsv"
        conda:
            "../envs/main.yaml"
        threads: 1
        resources:
            mem_mb=growing(2000),
            runtime=growing(10),
        params:
            settings=config["figures"],
        message:
            "Draw the Ramachandran maps of {wildcards.peptide} by every model"
        script:
            "../workflow_scripts/plot_comparison.py"

    rule plot_comparison_page:
        input:
            results=expand(rules.compare_models.output.result, dataset=DATASET, peptide=SPLITS["test"]),
            arrays=expand(rules.compare_models.output.arrays, dataset=DATASET, peptide=SPLITS["test"]),
        output:
            png=report(
                "results/{dataset}/figures/comparison.png",
                caption="../docs/captions/comparison_page.rst",
                category="Summary",
                labels={
                    "question": "1. How close to MD?",
                    "figure": "Ramachandran maps at equal wall clock",
                    "model": "all",
                },
            ),
            pdf="results/{dataset}/figures/comparison.pdf",
        log:
            "logs/{dataset}/plot_comparison_page.log",
        benchmark:
            "logs/{dataset}/plot_comparison_page.tsv"
        conda:
            "../envs/main.yaml"
        threads: 1
        resources:
            mem_mb=growing(2000),
            runtime=growing(10),
        params:
            settings=config["figures"],
        message:
            "Draw the Ramachandran maps of the first test peptides by every model"
        script:
            "../workflow_scripts/plot_comparison_page.py"


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
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        settings=config["figures"],
    message:
        "Draw the macrostates of {wildcards.peptide}, model {wildcards.model}"
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
            labels={"question": "Has it learned?", "figure": "Loss curves", "model": "{model}"},
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
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        settings=config["figures"],
    message:
        "Draw the loss of model {wildcards.model} while it was trained"
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
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        settings=config["figures"],
    message:
        "Draw the JS distances of every peptide and model"
    script:
        "../workflow_scripts/plot_summary.py"
