"""The environments for pip and for conda hold the same versions."""

from importlib import metadata
from pathlib import Path

import yaml

ENVS = Path(__file__).resolve().parents[2] / "envs"


def pins(lines):
    return dict(line.split("==") for line in lines if "==" in line)


def required():
    lines = (ENVS / "requirements.txt").read_text().splitlines()
    return pins(line for line in lines if not line.startswith("#"))


def test_conda_and_pip_agree():
    dependencies = yaml.safe_load((ENVS / "main.yaml").read_text())["dependencies"]
    listed = pins(next(item for item in dependencies if isinstance(item, dict))["pip"])
    assert listed.pop("torch") == "2.13.0"
    assert listed == required()
    assert "pyemma=2.5.12" in yaml.safe_load((ENVS / "pyemma.yaml").read_text())["dependencies"]
    assert "pyemma==2.5.12" in (ENVS.parent / "Makefile").read_text()


def test_what_is_installed_is_what_was_pinned():
    names = (
        "snakemake",
        "openmm",
        "e3nn",
        "lightning",
        "mdtraj",
        "deeptime",
        "numpy",
        "scipy",
        "matplotlib",
        "pydantic",
    )
    pinned = {name.lower(): version for name, version in required().items()}
    assert {name: metadata.version(name) for name in names} == {name: pinned[name] for name in names}
