# Needs:  the raw configuration
# Makes:  `config` as a plain, complete and validated mapping; the names that rules expand over; helpers of rules

sys.path.insert(0, workflow.basedir)

import json
import os
import re
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.settings.types import DeploymentMethod

from jamun.config import ConfigurationError
from jamun.config import parse as parse_configuration
from jamun.io.log import UserError
from jamun.peptides.splits import resolve_splits
from jamun.trajectories.sources import locate

# Jobs in other environments (PyEMMA's, conda's) find the package here too.
os.environ.update(PYTHONPATH=os.pathsep.join(filter(None, [workflow.basedir, os.getenv("PYTHONPATH")])))

CONFIG_SOURCE = ", ".join(str(path) for path in workflow.configfiles) or "configuration"

try:
    SETTINGS = parse_configuration(config, CONFIG_SOURCE)
    SPLIT_PEPTIDES = resolve_splits(SETTINGS.peptides, Path.cwd())
    # The files of each peptide whose MD is imported.
    SOURCE_FILES = (
        locate(
            SETTINGS.source, [peptide.name for members in SPLIT_PEPTIDES.values() for peptide in members], Path.cwd()
        )
        if SETTINGS.source.imported
        else {}
    )
except (ConfigurationError, UserError) as error:
    raise WorkflowError(str(error)) from None

# From here on `config` is the resolved configuration, so that params hold whole sections, defaults included.
config.clear()
config.update(SETTINGS.model_dump(mode="json"))

DATASET = config["dataset"]
SPLITS = {split: [peptide.name for peptide in members] for split, members in SPLIT_PEPTIDES.items()}
SEQUENCES = {peptide.name: peptide.letters for members in SPLIT_PEPTIDES.values() for peptide in members}
PEPTIDES = list(SEQUENCES)
SPLIT_OF = {name: split for split, names in SPLITS.items() for name in names}
MODELS = SETTINGS.active_models()
BROUGHT_MODELS = [name for name in MODELS if SETTINGS.checkpoint_of(name)]
TRAINED_MODELS = [name for name in MODELS if not SETTINGS.checkpoint_of(name)]


def one_of(names):
    """A wildcard constraint that admits exactly `names`; with none of them, nothing."""
    return "|".join(map(re.escape, names)) or "(?!)"


wildcard_constraints:
    dataset=re.escape(DATASET),
    peptide=one_of(PEPTIDES),
    model=one_of(MODELS),
    split=one_of(SPLITS),


def over_test_peptides(pattern):
    """`pattern` for every active model and every test peptide."""
    return expand(pattern, dataset=DATASET, model=MODELS, peptide=SPLITS["test"])


def gpus(wanted):
    """One GPU for a job whose settings ask for it, else none."""
    return 1 if wanted else 0


def figure_results():
    """Every figure of the active models, and the MD in time of the peptides that they are compared on."""
    kinds = ("ramachandran", "torsions", "convergence", "msm", "dynamics", "physicality", "ensemble")
    folder = f"results/{DATASET}/figures"
    return [
        f"results/{DATASET}/evaluation/summary.html",
        *over_test_peptides([f"results/{{dataset}}/figures/{{model}}/{kind}/{{peptide}}.png" for kind in kinds]),
        *expand("results/{dataset}/simulations/{peptide}.png", dataset=DATASET, peptide=SPLITS["test"]),
        *(f"{folder}/{model}/loss.png" for model in TRAINED_MODELS),
        *over_test_peptides("results/{dataset}/figures/{model}/viewer/{peptide}.html"),
        f"{folder}/summary.png",
        f"{folder}/timing.png",
    ]


def pyemma_interpreter():
    """The interpreter of the msm rule.

    With --sdm conda the environment of the rule is active, so `python` is right; else the environment that
    `make pyemma` builds. Without that, and with deeptime, the interpreter of the workflow: the script then says which
    command builds what is missing.
    """
    if config["evaluation"]["msm"]["backend"] == "pyemma":
        if DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method:
            return "python"
        built = Path(workflow.basedir) / ".venv-pyemma" / "bin" / "python"
        if built.exists():
            return str(built)
    return sys.executable
