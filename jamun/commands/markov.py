"""A Markov state model built beside other work, by the interpreter that holds its library."""

import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from jamun.evaluation.msm.inputs import MSMInput
from jamun.io.atomic import read_json, read_npz
from jamun.io.log import UserError, last_lines
from jamun.io.shipped import importable_folder, msm_backend


class MarkovModelError(UserError):
    """A model whose process failed."""


class MarkovModel:
    """A model on its way: it is built in a process of its own, as the workflow's rule `msm` builds it.

    Not by `multiprocessing`, whose new processes would run a user's script again.
    """

    def __init__(self, inputs: MSMInput, settings: dict[str, Any]) -> None:
        """Begin the model of `inputs` with the settings `evaluation.msm`."""
        self._scratch = tempfile.TemporaryDirectory(prefix="jamun-msm-")
        folder = Path(self._scratch.name)
        self._result, self._arrays, self._log = folder / "msm.json", folder / "arrays.npz", folder / "msm.log"
        backend, interpreter = msm_backend(settings["backend"])
        inputs.save(folder / "torsions.npz")
        package = str(importable_folder(folder / "package"))
        command = [interpreter, "-P", "-m", "jamun.evaluation.msm", "--features", str(folder / "torsions.npz")]
        command += ["--settings", json.dumps({**settings, "backend": backend})]
        command += ["--result", str(self._result), "--arrays", str(self._arrays), "--log", str(self._log)]
        path = os.pathsep.join(filter(None, [package, os.getenv("PYTHONPATH")]))
        self._process = subprocess.Popen(
            command, env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )

    def __enter__(self) -> "MarkovModel":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._scratch.cleanup()

    def result(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """The model as JSON's types and arrays, once it is there. Raises MarkovModelError where its process failed."""
        if self._process.wait():
            said = last_lines(self._log)
            raise MarkovModelError(said[-1].text if said else "the Markov state model's process ended without a word")
        return read_json(self._result), read_npz(self._arrays)
