"""Running Snakemake on the small configuration, once for all tests of the workflow."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml
from forking import forking_python

ROOT = Path(__file__).resolve().parents[2]
SMALL = Path(__file__).with_name("small.yaml")


def run_snakemake(words: list[str], folder: Path) -> subprocess.CompletedProcess:
    """`snakemake` with `words`, whose jobs in Python start at once too; output holds both streams."""
    command = [forking_python(), "-m", "snakemake", *words]
    both = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.run(command, cwd=folder, text=True, check=False, **both)


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
