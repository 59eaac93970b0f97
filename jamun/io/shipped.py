"""What comes with the program: the workflow's files, and models by name.

In a clone they lie at its top, in an installed package in ``jamun/_workflow``; both have the same tree below.
"""

import json
import sys
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from jamun.io.log import UserError

_PACKAGE = Path(__file__).resolve().parents[1]
# In the metadata of a published model's weights.
DESCRIPTION = "jamun"
SUFFIX = ".safetensors"
WEIGHTS, CARD = f"model{SUFFIX}", "card.json"
# The model that is meant where none is named.
DEFAULT_MODEL = "explicit"


class ShippedModelError(UserError):
    """No model of this name comes with the program."""


def workflow_folder() -> Path:
    """The folder that holds Snakefile, rules, workflow_scripts, profiles, configs, envs and models."""
    packaged = _PACKAGE / "_workflow"
    return packaged if packaged.is_dir() else _PACKAGE.parent


def importable_folder(scratch: Path) -> Path:
    """A folder from which interpreters of other environments import this package and nothing else.

    In a clone that is its top. An installed package has every other package beside it, so `scratch` gets a link to it.
    """
    if not (_PACKAGE / "_workflow").is_dir():
        return _PACKAGE.parent
    link = scratch / _PACKAGE.name
    if link.resolve() != _PACKAGE:
        scratch.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        # Another job may have made it meanwhile.
        with suppress(FileExistsError):
            link.symlink_to(_PACKAGE)
    return scratch


def pyemma_interpreter() -> Path | None:
    """Python of PyEMMA's environment, ``.venv-pyemma`` here or beside the workflow; None where there is none."""
    for place in (Path.cwd(), workflow_folder()):
        python = place / ".venv-pyemma" / "bin" / "python"
        if python.exists():
            return python.absolute()
    return None


def msm_backend(wanted: str, conda: bool = False) -> tuple[str, str]:
    """The library that `evaluation.msm.backend` means here, pyemma or deeptime, and the interpreter that has it.

    `auto` is PyEMMA where its environment is, else deeptime, which this interpreter has. With `conda` Snakemake makes
    PyEMMA's environment, whose interpreter is the `python` of the job. Where PyEMMA has none it is this one: the model
    then says which command builds what is missing.
    """
    pyemma = "python" if conda else pyemma_interpreter()
    if wanted == "auto":
        wanted = "pyemma" if pyemma else "deeptime"
    return wanted, str(pyemma if wanted == "pyemma" and pyemma else sys.executable)


def card_beside(weights: Path) -> dict[str, Any]:
    """The card in the folder of a model's weights; empty where there is none."""
    try:
        return dict(json.loads((weights.parent / CARD).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


@dataclass(frozen=True)
class ShippedModel:
    """A model that comes with the program."""

    name: str
    """Its name, which is that of its folder."""
    weights: Path
    """Weights as safetensors, with what rebuilds the network."""

    @property
    def card(self) -> dict[str, Any]:
        """What it was trained on, how good it is and where it fails; empty where there is no card."""
        return card_beside(self.weights)


@cache
def sampling_in(checkpoint: str | None) -> dict[str, Any]:
    """Keys of `sampling` that a model brings, those it was judged with, if its file is safetensors; none where that is
    missing or damaged, which is told where it is loaded."""
    if checkpoint is None or not checkpoint.endswith(SUFFIX):
        return {}
    try:
        with safe_open(checkpoint, framework="numpy") as stored:
            return dict(json.loads((stored.metadata() or {})[DESCRIPTION])["sampling"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError):
        return {}


def shipped_models() -> dict[str, ShippedModel]:
    """The models that come with the program, by name; the one that is meant without a name comes first."""
    found = sorted((workflow_folder() / "models").glob(f"*/{WEIGHTS}"))
    names = sorted((path.parent.name for path in found), key=lambda name: (name != DEFAULT_MODEL, name))
    return {name: ShippedModel(name, workflow_folder() / "models" / name / WEIGHTS) for name in names}


def shipped_model(name: str = DEFAULT_MODEL) -> ShippedModel:
    """The model called `name`. Raises ShippedModelError, naming those that there are, where none is called so."""
    models = shipped_models()
    if name not in models:
        there = f"there are {', '.join(models)}" if models else f"there are none in {workflow_folder() / 'models'}"
        raise ShippedModelError(f"no model called {name!r} comes with this program: {there}; correct the name.")
    return models[name]
