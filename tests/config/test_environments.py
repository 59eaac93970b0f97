"""The environments for pip, conda and the container hold the same versions; what none of them runs here is checked."""

import re
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import jamun

ROOT = Path(__file__).resolve().parents[2]
ENVS = ROOT / "envs"
MAKEFILE = (ROOT / "Makefile").read_text()
DEFINITION = (ENVS / "jamun.def").read_text()


def pins(lines):
    """Requirements by package, with what they ask for: ==2.0, <66."""
    found = [re.fullmatch(r"([\w.-]+)((?:==|<).+)", line.strip()) for line in lines if line.strip() and line[0] != "#"]
    return {match.group(1): match.group(2) for match in found}


def locked(name):
    return pins((ENVS / name).read_text().splitlines())


def conda(name):
    """Conda's own packages of an environment, and those that pip installs there."""
    entries = yaml.safe_load((ENVS / name).read_text())["dependencies"]
    (listed,) = (entry["pip"] for entry in entries if isinstance(entry, dict))
    return [entry for entry in entries if isinstance(entry, str)], pins(listed)


def installed_by_make(package):
    """The version that the Makefile installs by itself, beside the lists."""
    (version,) = re.findall(rf"packages,.*\b{package}(==[\w.]+)", MAKEFILE)
    return version


def section(name):
    """Lines of a section of the container's definition."""
    text = re.search(rf"^%{name}\n((?:[ \t].*\n|\n)*)", DEFINITION, re.MULTILINE).group(1)
    return [line.strip() for line in text.splitlines() if line.strip()]


def test_conda_and_pip_install_the_same():
    packages, by_pip = conda("main.yaml")
    assert by_pip == {"torch": installed_by_make("torch")} | locked("requirements.txt")
    assert packages == ["python=3.11", "nodejs", "pip"]


def test_conda_and_make_build_the_same_pyemma():
    packages, by_pip = conda("pyemma.yaml")
    assert by_pip == locked("pyemma.txt")
    assert packages[0] == "python=3.11"
    built = (ENVS / "pyemma.post-deploy.sh").read_text()
    assert f"pip install --no-build-isolation --no-deps pyemma{installed_by_make('pyemma')}\n" in built


def test_every_package_is_pinned():
    for name in ("requirements.txt", "dev.txt", "pyemma.txt"):
        loose = {package for package, version in locked(name).items() if not version.startswith("==")}
        assert loose <= {"setuptools", "wheel"}


def test_what_is_installed_is_what_was_pinned():
    pinned = locked("requirements.txt")
    assert {name: f"=={metadata.version(name)}" for name in pinned} == pinned


def test_container_copies_all_that_the_workflow_needs():
    copied = dict(line.split() for line in section("files"))
    for source, target in copied.items():
        assert (ROOT / source).exists(), source
        assert target == f"/opt/jamun/{source}"
    # What Snakemake reads, what the package is built from, and what they read in turn.
    assert copied.keys() >= {"Snakefile", "rules", "profiles", "workflow_scripts", "envs", "docs", "jamun"}
    assert copied.keys() >= {"Makefile", "pyproject.toml", "README.md", "LICENSE", "config.yaml", "configs", "models"}


def test_container_is_built_by_the_same_recipe():
    assert "From: python:3.11-" in DEFINITION
    assert "make install pyemma PYTHON=python3.11" in section("post")
    assert all(re.search(rf"^{target}:", MAKEFILE, re.MULTILINE) for target in ("install", "pyemma"))
    assert f"Version {jamun.__version__}" in section("labels")
    # It holds the two environments where the Makefile puts them.
    places = {name: re.search(rf"^{name} := (\S+)$", MAKEFILE, re.MULTILINE).group(1) for name in ("VENV", "PYEMMA")}
    assert f"export PATH=/opt/jamun/{places['VENV']}/bin:$PATH" in section("environment")
    assert any(line.startswith(f"/opt/jamun/{places['PYEMMA']}/bin/python") for line in section("test"))
    # No version stands there by itself, where it could drift.
    assert not re.search(r"[=<>]=\s*\d", "\n".join(section("post")))


def test_container_installs_what_make_would():
    (line,) = [line for line in section("post") if line.startswith("apt-get install")]
    by_make = set(re.findall(r"\$\(call apt,([\w.-]+)\)", MAKEFILE)) - {"chromium"}
    assert by_make <= set(line.split())


def test_ci_runs_what_people_run():
    workflow = yaml.safe_load((ROOT / ".github/workflows/ci.yml").read_text())
    job, others = workflow["jobs"]["test"], workflow["jobs"]["other-python"]
    assert others["strategy"]["matrix"]["python"] == ["3.12", "3.13"]
    assert others["steps"][-1]["run"] == ".ci/other-python"
    assert job["steps"][-1] == {"run": ".ci/run"}
    assert job["timeout-minutes"] <= 60
    python = next(step["with"] for step in job["steps"] if "setup-python" in step.get("uses", ""))
    assert python["python-version"] == "3.11"
    assert all(list(ROOT.glob(pattern)) for pattern in python["cache-dependency-path"].split())
    # YAML 1.1 reads the key `on` as true.
    assert {"push", "pull_request"} <= workflow[True].keys()


def test_one_version():
    """It is written in the package; what else names it follows."""
    assert re.search(rf"^version: {re.escape(jamun.__version__)}$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dynamic"] == ["version"]


def test_locks_hold_what_the_package_declares():
    """Every dependency is locked, at a version that its declaration admits."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [
        each for name in ("workflow", "notebook", "docs", "dev") for each in project["optional-dependencies"][name]
    ]
    pinned = locked("requirements.txt") | locked("dev.txt") | {"torch": installed_by_make("torch")}
    versions = {canonicalize_name(name): found for name, found in pinned.items()}
    for requirement in map(Requirement, [*project["dependencies"], *extras]):
        if requirement.name != "jamun":
            found = versions[canonicalize_name(requirement.name)].removeprefix("==")
            assert requirement.specifier.contains(found, prereleases=True), (requirement, found)


@pytest.mark.parametrize("script", [".ci/run", ".ci/other-python", "envs/pyemma.post-deploy.sh"])
def test_shell_scripts_stop_at_errors(script):
    assert "set -euo pipefail" in (ROOT / script).read_text()
