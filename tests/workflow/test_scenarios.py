"""What docs/howto.md tells people to do, done: its own blocks, on the small workflow as it stands when it has ended."""

import csv
import json
import os
import random
import re
import shlex
import shutil
import subprocess

import mdtraj
import pytest
import yaml
from conftest import ROOT, SMALL, Workflow
from forking import forking_python

pytestmark = pytest.mark.workflow

# The page speaks of the demo; the small workflow has other names and smaller numbers.
SMALLER = {
    "capped_demo": "small",
    "[AF, FF, FG, FL, IA, LF, GI]": "[AA, GS, GA]",
    "plain_md/md-100ps": "md",
    "AF.pdb": "AA.pdb",
    "FA, LI": "FA, AG",
    "FA": "AV",
    "32x0e + 16x1e": "8x0e + 8x1e",
    "production: 120 ps": "production: 13 ps",
    "samples: 2000": "samples: 60",
    "--samples 2000": "--samples 60",
}
TARGETS = {"all", "evaluate", "figures", "models", "samples"}


def blocks(title):
    """(language, text) of each fenced block in the section, in the names of the small workflow."""
    page = (ROOT / "docs" / "howto.md").read_text(encoding="utf-8")
    section = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", page, re.DOTALL | re.MULTILINE)
    assert section is not None, f"docs/howto.md has no section {title!r}"
    text = section.group(1)
    for name, smaller in SMALLER.items():
        text = text.replace(name, smaller)
    found = re.findall(r"^```(\w+)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    assert found, f"the section {title!r} has no blocks"
    return found


def merged(base, change):
    """`base` with the keys of `change`, mappings joined."""
    if not (isinstance(base, dict) and isinstance(change, dict)):
        return change
    return base | {key: merged(base.get(key), value) for key, value in change.items()}


class Project(Workflow):
    """A folder that a user works in, with `snakemake` and `jamun` as the page's commands call them."""

    @classmethod
    def begin(cls, folder, copy_finished):
        """The finished small workflow as a user has it: the configuration is config.yaml."""
        folder.mkdir()
        copy_finished(folder)
        shutil.copyfile(SMALL, folder / "config.yaml")
        return cls(folder, folder / "config.yaml")

    def change(self, block):
        """Do what a block of YAML says: change the keys in the file that its first line names."""
        path = self.folder / re.match(r"# (\S+)\n", block).group(1)
        before = yaml.safe_load(path.read_text()) if path.exists() else {}
        path.write_text(yaml.safe_dump(merged(before, yaml.safe_load(block)), sort_keys=False))

    def shell(self, block):
        """Run a block of commands; its output."""
        binaries = self.folder / "bin"
        binaries.mkdir(exist_ok=True)
        python = shlex.quote(forking_python())
        for name, command in {
            "snakemake": f"-m snakemake --snakefile {shlex.quote(str(ROOT / 'Snakefile'))}",
            "jamun": "-c 'from jamun.cli import main; main()'",
        }.items():
            (binaries / name).write_text(f'#!/bin/sh\nexec {python} {command} "$@"\n')
            (binaries / name).chmod(0o755)
        path = f"{binaries}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | {"PATH": path, "PYTHONPATH": str(ROOT)}
        finished = subprocess.run(
            ["bash", "-e"],
            input=block,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
            env=environment,
            check=False,
        )
        assert finished.returncode == 0, f"{block}\n{finished.stdout[-6000:]}"
        return finished.stdout

    def do(self, language, block):
        """One block of the page; what a block of commands printed."""
        return self.change(block) if language == "yaml" else self.shell(block)

    def times(self, *patterns):
        """When each file that matches was written, in ns."""
        return {
            path.relative_to(self.folder): path.stat().st_mtime_ns
            for pattern in patterns
            for path in sorted((self.folder / "results" / "small").glob(pattern))
        }

    def summary(self, dataset="small"):
        """Rows of the summary."""
        return list(csv.DictReader((self.folder / "results" / dataset / "evaluation" / "summary.csv").open()))


def jobs(output):
    """Rules of the jobs that a run or a dry run names first, with their numbers; targets left out."""
    table = re.search(r"Job stats:\njob +count\n[- ]+\n(.*?)\ntotal ", output, re.DOTALL)
    if table is None:
        assert "Nothing to be done" in output, output[-3000:]
        return {}
    counts = {line.split()[0]: int(line.split()[1]) for line in table.group(1).splitlines()}
    return {rule: count for rule, count in counts.items() if rule not in TARGETS}


@pytest.fixture
def project(tmp_path, copy_finished):
    """The finished small workflow in a folder of its own."""
    return Project.begin(tmp_path / "project", copy_finished)


def test_one_figure_again(project):
    delete_and_ask, looks, figures = blocks("One figure again")
    assert jobs(project.do(*delete_and_ask)) == {"plot_ramachandran": 1}
    assert (project.folder / "results/small/figures/default/ramachandran/AV.png").exists()

    before = project.times("evaluation/**/*.json", "samples/**/*", "md/**/*")
    project.do(*looks)
    drawn = jobs(project.do(*figures))
    assert all(rule.startswith("plot_") for rule in drawn)
    assert len(drawn) >= 10
    assert project.times("evaluation/**/*.json", "samples/**/*", "md/**/*") == before
    assert set(project.planned("all")) == {"report_html"}


def test_a_new_checkpoint(project):
    ((_, command),) = blocks("A new checkpoint")
    brought = project.folder / "path/to/new.ckpt"
    brought.parent.mkdir(parents=True)
    shutil.copyfile(project.folder / "results/small/models/default/checkpoint.ckpt", brought)
    before = project.times("md/**/*", "models/default/*", "samples/default/**/*", "evaluation/default/**/*")
    ran = jobs(project.shell(command))
    assert ran["import_checkpoint"] == ran["sample"] == ran["compare"] == ran["plot_ramachandran"] == 1
    assert not {"train", "simulate", "build_peptide", "featurize", "ablation_sample"} & set(ran)
    assert project.times("md/**/*", "models/default/*", "samples/default/**/*", "evaluation/default/**/*") == before
    assert {row["model"] for row in project.summary()} == {"default", "mine"}
    assert (project.folder / "results/small/figures/mine/ramachandran/AV.png").exists()
    # Without model=mine the row stays, and nothing of it is asked for.
    assert "sample" not in project.planned("evaluate")


def test_more_peptides(project):
    more_test, evaluate, more_train, plan = blocks("More peptides in a project that is there")
    before = project.times("md/*/trajectory.xtc", "features/**/*", "models/**/*", "samples/default/AV/*")
    project.do(*more_test)
    ran = jobs(project.do(*evaluate))
    assert ran["build_peptide"] == ran["simulate"] == ran["sample"] == ran["compare"] == ran["msm"] == 1
    assert not {"train", "describe_dataset"} & set(ran)
    after = project.times("md/*/trajectory.xtc", "features/**/*", "models/**/*", "samples/default/AV/*")
    assert {path: after[path] for path in before} == before
    assert {row["peptide"] for row in project.summary()} == {"AV", "AG", "mean"}

    project.do(*more_train)
    planned = jobs(project.do(*plan))
    assert planned["build_peptide"] == planned["simulate"] == 1
    assert planned["featurize"] == 2  # the new training peptide; the new test peptide, which `evaluate` did without
    assert planned["describe_dataset"] == planned["train"] == 1
    assert planned["sample"] == planned["compare"] == 2


def test_a_split_in_a_file_grows_by_a_row(project):
    table = project.folder / "test.csv"
    table.write_text("sequence\nAV\n")
    project.change("# config.yaml\npeptides:\n  test: test.csv\n")
    assert project.planned("all") == {}
    table.write_text("sequence\nAV\nAG\n")
    planned = project.planned("all")
    assert planned["build_peptide"] == planned["simulate"] == planned["sample"] == 1
    assert "train" not in planned


def test_two_models_compared(project):
    models, run = blocks("Two models compared")
    before = project.times("models/default/*", "samples/default/**/*", "evaluation/default/**/*.json")
    project.do(*models)
    ran = jobs(project.do(*run))
    assert ran["train"] == ran["sample"] == ran["compare"] == 1
    assert project.times("models/default/*", "samples/default/**/*", "evaluation/default/**/*.json") == before
    results = project.folder / "results" / "small"
    for figure in ("default/ramachandran/AV", "wide/ramachandran/AV", "wide/loss", "comparison", "comparison/AV"):
        assert (results / f"figures/{figure}.png").read_bytes().startswith(b"\x89PNG")
    assert {row["model"] for row in project.summary()} == {"default", "wide"}
    page = (results / "report.html").read_text(encoding="utf-8")
    assert all(re.search(rf'"model":\s*"{model}"', page) for model in ("default", "wide"))


def test_a_model_trained_further(project):
    further, run = blocks("A model trained further")
    models = project.folder / "results/small/models"
    first = json.loads((models / "default/training.json").read_text())
    before = project.times("models/default/*")
    project.do(*further)
    assert jobs(project.do(*run)) == {"train": 1}
    record = json.loads((models / "further/training.json").read_text())
    assert record["initial"]["model"] == "default"
    assert record["initial"]["steps"] == first["steps"]
    assert record["best_validation_loss"] < first["best_validation_loss"]
    assert project.times("models/default/*") == before


def test_results_moved_to_another_machine(project):
    move, longer, resume = blocks("Results moved to another machine")
    elsewhere = Project(project.folder.parent / "elsewhere", project.folder.parent / "elsewhere" / "config.yaml")
    elsewhere.folder.mkdir()
    # Between copying and going on, times become what a careless copy makes of them.
    copy, _, rest = move[1].partition("\n")
    project.shell(copy)
    files = sorted(path for path in elsewhere.folder.rglob("*") if path.is_file())
    places = random.Random(1).sample(range(len(files)), len(files))
    for path, place in zip(files, places, strict=True):
        os.utime(path, ns=(1_700_000_000_000_000_000 + 60_000_000_000 * place,) * 2)
    assert not (elsewhere.folder / ".snakemake").exists()
    assert {"simulate", "train"} <= set(elsewhere.planned("all"))
    before = {path: path.read_bytes() for path in files if path.suffix in (".xtc", ".ckpt", ".json", ".png")}
    output = project.shell(rest)
    assert "Nothing to be done" in output
    assert {path: path.read_bytes() for path in before} == before

    # What is not there is not called finished.
    missing = elsewhere.folder / "results/small/figures/default/ramachandran/AV.png"
    missing.unlink()
    elsewhere.shell("snakemake --touch --forceall all")
    assert set(elsewhere.planned("all")) == {"plot_ramachandran", "report_html"}

    # Settings are watched as before, and MD goes on with what came in work/.
    assert elsewhere.with_changes(simulate={"seed": 9}).planned("simulations") == {"simulate": 4}
    elsewhere.do(*longer)
    elsewhere.do(*resume)
    record = elsewhere.folder / "results/small/md/AV"
    assert mdtraj.load(record / "trajectory.xtc", top=record / "topology.pdb").n_frames == 325
    assert "goes on after 12 ps" in (elsewhere.folder / "logs/small/simulate/AV.log").read_text()


def test_own_structures_and_a_checkpoint(project):
    structures, configuration, run, command = blocks("Own structures and a checkpoint, no MD")
    project.do(*structures)
    project.do(*configuration)
    ran = jobs(project.do(*run))
    assert ran["take_structure"] == ran["sample"] == ran["describe_samples"] == ran["plot_ramachandran"] == 2
    assert not {"simulate", "build_peptide", "featurize", "train", "compare"} & set(ran)
    results = project.folder / "results" / "own"
    assert not (results / "md").exists()
    for peptide in ("AA", "AV"):
        assert (results / f"figures/default/ramachandran/{peptide}.png").read_bytes().startswith(b"\x89PNG")
        result = json.loads((results / f"evaluation/default/{peptide}.json").read_text())
        assert result["reference"] is None
        assert 0 <= result["shares"]["physical"]["value"] <= 1
        samples = mdtraj.load(
            results / f"samples/default/{peptide}/samples.xtc", top=results / f"samples/default/{peptide}/topology.pdb"
        )
        assert samples.n_frames == result["samples"]["frames"] == 60
    rows = project.summary("own")
    assert [(row["peptide"], row["model"], row["accepted"]) for row in rows] == [
        ("AA", "default", "60"),
        ("AV", "default", "60"),
    ]
    assert all(float(row["ms_per_sample"]) > 0 for row in rows)
    assert (results / "report.html").stat().st_size > 100_000
    own = Workflow(project.folder, project.folder / "own.yaml")
    assert own.planned("simulations", "features") == {}
    # With MD, it starts from the structures.
    assert own.with_changes(source={"kind": "simulation"}).planned("simulations") == {"simulate": 2}

    project.do(*command)
    assert mdtraj.load(project.folder / "AV/samples.xtc", top=project.folder / "AV/topology.pdb").n_frames == 60
