"""Where the results of each stage lie: every path is spelled here and nowhere else.

A path is a pattern with the wildcards of the rules, relative to the folder that Snakemake runs in. Files that one job
makes stand together, by the names that its rule gives them. Rules take patterns as they are; everyone else fills them
in with ``place``.
"""

from pathlib import Path

RESULTS = "results/{dataset}"
LOGS = "logs/{dataset}"


def _files(folder: str, **names: str) -> dict[str, str]:
    """Files that one job makes in a folder of the results, by the names that its rule gives them."""
    return {name: f"{RESULTS}/{folder}/{file}" for name, file in names.items()}


PEPTIDE = _files("peptides", pdb="{peptide}.pdb", record="{peptide}.json")
MD = _files("md/{peptide}", trajectory="trajectory.xtc", topology="topology.pdb", state="state.csv", record="md.json")
# The record of MD whose wall clock is that of one simulation by itself, where many were made together.
MD_SINGLE = "results/{dataset}/md/{peptide}/benchmark_single.json"
# Plain MD in place of a model's samples.
PLAIN_MD = {name: path.replace("/md/", "/plain_md/{model}/") for name, path in MD.items()}
# The MD in time, and the distances of its parts from each other.
MD_SERIES = "results/{dataset}/simulations/{peptide}.npz"
MD_DISTANCES = "results/{dataset}/simulations/{peptide}.json"
MD_FIGURE = "results/{dataset}/simulations/{peptide}.png"

FEATURES = "results/{dataset}/features/{split}/{peptide}.h5"
DATASET = "results/{dataset}/features/dataset.json"
# With frame_weights: weights of the training frames, the transitions that they are from, and of one peptide's MD.
TRAINING_WEIGHTS = _files("features", weights="weights.npz", pool="transitions.npz", record="weights.json")
MD_WEIGHTS = _files("md/{peptide}", weights="weights.npz", populations="weights.json")
MODEL = _files("models/{model}", checkpoint="checkpoint.ckpt", metrics="metrics.csv", record="training.json")
_SAMPLES = "samples/{model}/{peptide}"
SAMPLES = _files(_SAMPLES, samples="samples.xtc", topology="topology.pdb", flags="flags.npz", record="sampling.json")
# With sampling.hydrogens: the accepted samples with all atoms, and their energies.
ALL_ATOMS = _files(
    _SAMPLES, trajectory="all_atoms.xtc", topology="all_atoms.pdb", arrays="all_atoms.npz", record="all_atoms.json"
)
# Short MD from the samples of a model, and weights by its transitions. The weighted frames are also published as the
# samples of a model of its own, whose name has a sign that no other may have.
POPULATIONS = _files(
    "populations/{model}/{peptide}",
    trajectory="md.xtc",
    topology="topology.pdb",
    weights="weights.npz",
    arrays="populations.npz",
    result="populations.json",
)
POPULATED = "+md"
WEIGHTED_SAMPLES = {
    name: path.replace("{model}", f"{{model}}{POPULATED}")
    for name, path in (SAMPLES | _files(_SAMPLES, weights="weights.npz")).items()
}


def _result(stem: str) -> dict[str, str]:
    """What an analysis writes: numbers as JSON, arrays as NPZ."""
    return {"result": f"{stem}.json", "arrays": f"{stem}.npz"}


# The analyses of samples against MD, by the rule that makes each; without MD, describe_samples in place of compare.
EVALUATION = {
    "compare": _result("results/{dataset}/evaluation/{model}/{peptide}"),
    "msm": _result("results/{dataset}/evaluation/{model}/msm/{peptide}"),
    "dynamics": _result("results/{dataset}/evaluation/{model}/dynamics/{peptide}"),
    "physicality": _result("results/{dataset}/evaluation/{model}/physicality/{peptide}"),
}
# The torsions that the MSM is built from, kept until it is.
MSM_FEATURES = "results/{dataset}/evaluation/{model}/msm/{peptide}.torsions.npz"
# With evaluation.wasserstein.enabled.
WASSERSTEIN = _result("results/{dataset}/evaluation/{model}/wasserstein/{peptide}")
ENSEMBLE = _files("evaluation/{model}/ensemble/{peptide}", md="md.pdb", samples="samples.pdb")
# Models side by side: beside the evaluation, since a model may have any name.
COMPARISON = _result("results/{dataset}/comparison/{peptide}")
SUMMARY = "results/{dataset}/evaluation/summary.csv"
TABLES = _files("evaluation", page="summary.html", markdown="summary.md", latex="summary.tex")
TIMING = "results/{dataset}/evaluation/timing.csv"

# A row of the ablation has files as the samples and the evaluation of a model have, in a folder of its own.
ABLATED = "results/{dataset}/ablation/{variant}/{model}/{peptide}"
ABLATION_SAMPLES = {name: f"{ABLATED}/{path.rpartition('/')[2]}" for name, path in SAMPLES.items()}
ABLATION_EVALUATION = {
    "compare": _result(f"{ABLATED}/comparison"),
    "dynamics": _result(f"{ABLATED}/dynamics"),
    "physicality": _result(f"{ABLATED}/physicality"),
}
ABLATION_TABLE = "results/{dataset}/ablation/ablation.csv"

# A folder a model, then one a kind of figure, holds those of single peptides; others lie beside the folders of models.
FIGURES = "results/{dataset}/figures"
# Below it, the folder of the figures that hold all models: no model may have its name.
BESIDE = "comparison"
VIEWER = "results/{dataset}/figures/{model}/viewer/{peptide}.html"
REPORT = "results/{dataset}/report.html"

# Resumable state of unfinished jobs, never an output; for samples of the ablation another folder.
WORK = {
    "simulate": "work/simulate/{dataset}/{peptide}",
    "simulate_batched": "work/simulate/{dataset}",
    "plain_md": "work/plain_md/{dataset}/{model}/{peptide}",
    "import_trajectory": "work/import/{dataset}/{peptide}",
    "import_samples": "work/import_samples/{dataset}/{model}/{peptide}",
    "train": "work/train/{dataset}/{model}",
    "sample": "work/sample/{dataset}/{model}/{peptide}",
    "populate": "work/populations/{dataset}/{model}/{peptide}",
    "ablation_sample": "work/ablation/{dataset}/{variant}/{model}/{peptide}",
}
# The log of a rule's job lies at LOGS/{rule}, its wildcards below.
_LOGGED = ("variant", "split", "model", "peptide")


def log_of(rule: str, pattern: str, suffix: str = ".log") -> str:
    """The pattern of a rule's log, or of its benchmark (``.tsv``), from that of one of its outputs: its wildcards but
    the dataset name the file."""
    names = [name for name in _LOGGED if f"{{{name}}}" in pattern]
    return "/".join([LOGS, rule, *(f"{{{name}}}" for name in names)]) + suffix


def place(pattern: str, root: Path = Path(), /, **wildcards: str) -> Path:
    """The file of a pattern below `root`, the folder that Snakemake runs in.

    Raises KeyError for a wildcard of the pattern that is not given; others than its own are left out.
    """
    return root / pattern.format(**wildcards)
