"""Running Snakemake on the small configuration, once for all tests of the workflow."""

import atexit
import json
import re
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
SMALL = Path(__file__).with_name("small.yaml")


@cache
def _forking() -> subprocess.Popen:
    """A process that has Snakemake loaded, for all runs: loading it takes more time than most plans."""
    command = [sys.executable, str(Path(__file__).with_name("forking.py"))]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(process.kill)
    return process


def run_snakemake(words: list[str], folder: Path) -> subprocess.CompletedProcess:
    """`snakemake` with `words`, forked from a process that has it loaded; output holds both streams."""
    forking = _forking()
    with tempfile.NamedTemporaryFile("r") as output:
        print(json.dumps([words, str(folder), output.name]), file=forking.stdin, flush=True)
        code = int(forking.stdout.readline())
        return subprocess.CompletedProcess(words, code, Path(output.name).read_text())


class Workflow:
    """The workflow in a folder of its own, driven as a user would drive it."""

    def __init__(self, folder: Path, configuration: Path):
        self.folder = folder
        self.configuration = configuration

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess:
        """Run `snakemake` with `arguments`; output holds both streams."""
        # --config takes every word that follows, so targets and flags must come before it.
        words = ["--snakefile", str(ROOT / "Snakefile"), "--directory", str(self.folder)]
        words += ["--configfile", str(self.configuration), *arguments]
        finished = run_snakemake(words, self.folder)
        if check:
            assert finished.returncode == 0, finished.stdout[-6000:]
        return finished

    def planned(self, *arguments: str) -> dict[str, int]:
        """Jobs of a dry run, by rule, targets left out."""
        output = self.run("--dry-run", *arguments).stdout
        table = re.search(r"Job stats:\njob +count\n[- ]+\n(.*?)\ntotal ", output, re.DOTALL)
        if table is None:
            assert "Nothing to be done" in output, output[-3000:]
            return {}
        counts = {line.split()[0]: int(line.split()[1]) for line in table.group(1).splitlines()}
        targets = {"all", "peptides", "simulations", "simulation_figures", "features", "models", "samples"}
        targets |= {"evaluate", "ablation", "figures", "report"}
        return {rule: count for rule, count in counts.items() if rule not in targets}

    def with_changes(self, **changes: dict) -> "Workflow":
        """The same folder with a changed configuration: keyword = section, value = keys to replace."""
        raw = yaml.safe_load(self.configuration.read_text())
        for section, keys in changes.items():
            raw[section] = {**raw.get(section, {}), **keys}
        changed = self.folder / "changed.yaml"
        changed.write_text(yaml.safe_dump(raw))
        return Workflow(self.folder, changed)


@pytest.fixture
def workflow_in(tmp_path):
    """A workflow on any configuration in an empty folder."""
    return lambda configuration: Workflow(tmp_path, ROOT / configuration)


@pytest.fixture(scope="session")
def finished_workflow(tmp_path_factory):
    """The small workflow as it ended. Nothing runs in it: tests work in copies."""
    workflow = Workflow(tmp_path_factory.mktemp("finished"), SMALL)
    workflow.run("--cores", "2", "all")
    return workflow


@pytest.fixture(scope="session")
def copy_finished(finished_workflow):
    """Copies the finished workflow, times and hard links included, to an empty folder."""

    def copy(folder: Path) -> Workflow:
        subprocess.run(["cp", "-a", f"{finished_workflow.folder}/.", str(folder)], check=True)
        return Workflow(folder, finished_workflow.configuration)

    return copy


@pytest.fixture(scope="session")
def finished(copy_finished, tmp_path_factory):
    """A copy of the finished workflow that tests share, and may add to."""
    return copy_finished(tmp_path_factory.mktemp("workflow"))
