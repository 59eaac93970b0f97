# Needs:  results/{dataset}/evaluation/, comparison/, ablation/, simulations/{peptide}.npz, a model's metrics.csv
# Makes:  results/{dataset}/figures/{model}/{name}/{peptide}.png and .pdf, and viewer/{peptide}.html;
#         figures/{model}/loss.*; figures/*.png and .pdf over all peptides and models;
#         results/{dataset}/simulations/{peptide}.png and .pdf
#
# A new figure is an entry of FIGURES, a function plot_{name} of jamun/figures/{name}.py, and a caption
# docs/captions/{name}.rst; the targets and the report follow.

COMPARED, COMPARISON = layout.EVALUATION["compare"], "Ramachandran maps at equal wall clock"
figure_of_peptide("ramachandran", COMPARED, "2. Which conformations?", "Ramachandran maps")
figure_of_peptide("torsions", COMPARED, "2. Which conformations?", "Torsion distributions")

if POPULATED_MODELS:
    figure_of_peptide(
        "populations",
        {name: layout.POPULATIONS[name] for name in ("result", "arrays")},
        "2. Which conformations?",
        "Maps weighted by short MD",
        models=POPULATED_MODELS,
    )

if SETTINGS.source.exists:
    RESULT = {"result": COMPARED["result"]}
    figure_of_peptide("ensemble", layout.ENSEMBLE | RESULT, "1. What do they look like?", "Superposed conformations")
    figure_of_peptide("convergence", RESULT, "3. How fast?", "JS distance against time")
    figure_of_peptide("msm", layout.EVALUATION["msm"], "4. How do they move?", "Macrostates of the MSM")
    figure_of_peptide("dynamics", layout.EVALUATION["dynamics"], "4. How do they move?", "Slow motions")
    figure_of_peptide(
        "physicality", layout.EVALUATION["physicality"], "5. Are they physical?", "Physicality and basins"
    )
    if WASSERSTEIN:
        figure_of_peptide("energies", layout.WASSERSTEIN, "5. Are they physical?", "Potential energies")
    EVERY_RESULT = {"results": over_test_peptides(COMPARED["result"])}
    figure_of_all("summary", {"summary": layout.SUMMARY}, "1. How close to MD?", "JS distances")
    figure_of_all("timing", {"timing": layout.TIMING}, "2. How fast?", "Time a sample against atoms")
    figure_of_all("convergence_of_all", EVERY_RESULT, "2. How fast?", "JS distance against time", "convergence")
    FIGURES["loss"] = Figure(
        {"metrics": layout.MODEL["metrics"], "record": layout.MODEL["record"]},
        f"{layout.FIGURES}/{{model}}/loss",
        "Models",
        "Has it learned?",
        "Loss curves",
    )
    FIGURES["simulation"] = Figure(
        {"series": layout.MD_SERIES},
        layout.MD_FIGURE.removesuffix(".png"),
        "Simulations",
        "Is the MD in equilibrium?",
        "MD of {peptide} in time",
    )
    if not SETTINGS.partial:
        figure_of_all("ablation", {"table": layout.ABLATION_TABLE}, "3. Which settings?", "Ablation of sampling")

if SIDE_BY_SIDE:
    BESIDE = f"{layout.FIGURES}/{layout.BESIDE}/{{peptide}}"
    EVERY_COMPARISON = {
        kind: expand(layout.COMPARISON[file], dataset=DATASET, peptide=SPLITS["test"])
        for kind, file in (("results", "result"), ("arrays", "arrays"))
    }
    figure_of_peptide("comparison", layout.COMPARISON, "2. Which conformations?", COMPARISON, BESIDE)
    figure_of_all("comparison_page", EVERY_COMPARISON, "1. How close to MD?", COMPARISON, "comparison")


for name, figure in FIGURES.items():
    KIND = [kind for kind in ("peptide", "model") if f"{{{kind}}}" in figure.place]

    rule:
        name:
            f"plot_{name}"
        input:
            **figure.files,
        output:
            png=in_report(
                f"{figure.place}.png",
                name,
                figure.question,
                figure.title,
                figure.section,
                "{model}" if "model" in KIND else "MD" if name == "simulation" else "all",
            ),
            pdf=f"{figure.place}.pdf",
        log:
            layout.log_of(f"plot_{name}", figure.place),
        benchmark:
            layout.log_of(f"plot_{name}", figure.place, ".tsv")
        conda:
            "../envs/main.yaml"
        resources:
            **needs(2000, 15),
        params:
            settings=config["figures"],
        message:
            " ".join([f"Draw the figure {name}", *(f"of {kind} {{wildcards.{kind}}}" for kind in KIND)])
        script:
            "../workflow_scripts/plot.py"


if SETTINGS.source.exists:

    rule make_viewer:
        input:
            **layout.ENSEMBLE,
            **RESULT,
        output:
            page=in_report(
                layout.VIEWER,
                "viewer",
                "1. What do they look like?",
                "Conformations to turn and play",
                "Peptide {peptide}",
                "{model}",
            ),
        log:
            layout.log_of("make_viewer", layout.VIEWER),
        benchmark:
            layout.log_of("make_viewer", layout.VIEWER, ".tsv")
        conda:
            "../envs/main.yaml"
        resources:
            **needs(2000, 10),
        message:
            "Write the viewer of conformations of {wildcards.peptide}, model {wildcards.model}"
        script:
            "../workflow_scripts/plot.py"
