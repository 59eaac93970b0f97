"""Markov state model of one peptide, by a process of its own: PyEMMA has an environment in which only NumPy, SciPy,
deeptime and PyEMMA can be counted on, and the interpreter of that environment runs this module."""

import argparse
import json
from pathlib import Path

from jamun.io.imports import without
from jamun.io.log import job_log


def command_line() -> argparse.Namespace:
    """The words of the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--features", type=Path, required=True, help="torsions, as the rule msm_features writes them")
    parser.add_argument("--settings", type=json.loads, required=True, help="evaluation.msm as JSON")
    parser.add_argument("--result", type=Path, required=True, help="JSON to write")
    parser.add_argument("--arrays", type=Path, required=True, help="NPZ to write")
    parser.add_argument("--log", type=Path, required=True, help="log to write")
    return parser.parse_args()


def main(arguments: argparse.Namespace) -> None:
    """Read torsions, write the result (JSON) and the arrays (NPZ); data too few are a result, not an error."""
    from jamun.evaluation.msm.inputs import MSMInput
    from jamun.evaluation.msm.model import analyse
    from jamun.io.atomic import write_json, write_npz
    from jamun.io.provenance import provenance

    result, arrays = analyse(MSMInput.load(arguments.features), arguments.settings)
    write_npz(arguments.arrays, arrays)
    write_json(arguments.result, result | {"provenance": provenance(result["backend"], "numpy", "scipy")})


if __name__ == "__main__":
    arguments = command_line()
    with job_log(arguments.log), without("torch"):
        main(arguments)
