"""What `jamun run` makes of its words."""

import sys

import pytest

from jamun.cli.run import snakemake_command
from jamun.io.log import UserError
from jamun.io.shipped import workflow_folder


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("dataset: mine\n")
    return tmp_path


def after_snakefile(words):
    command = snakemake_command(words)
    assert command[:5] == [sys.executable, "-m", "snakemake", "--snakefile", str(workflow_folder() / "Snakefile")]
    return command[5:]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--config mine.yaml all -n", "all -n --configfile mine.yaml"),
        ("all --config=mine.yaml -j 4", "all -j 4 --configfile mine.yaml"),
        (
            "--configfile mine.yaml checkpoint=a.ckpt model=b all",
            "all --configfile mine.yaml --config checkpoint=a.ckpt model=b",
        ),
        ("--config mine.yaml --config model=b --forceall", "--forceall --configfile mine.yaml --config model=b"),
    ],
)
def test_files_and_values(folder, words, expected):
    assert after_snakefile(words.split()) == expected.split()


def test_a_configuration_that_comes_with_the_program(folder):
    assert after_snakefile(["--config", "paper.yaml"])[-1] == str(workflow_folder() / "configs" / "paper.yaml")


def test_profiles_by_name(folder):
    profile = str(workflow_folder() / "profiles" / "slurm")
    assert after_snakefile(["--profile", "slurm", "--config", "mine.yaml"])[:2] == ["--profile", profile]
    assert after_snakefile(["--profile=profiles/slurm", "--config", "mine.yaml"])[0] == f"--profile={profile}"
    (folder / "slurm").mkdir()
    assert after_snakefile(["--profile", "slurm", "--config", "mine.yaml"])[:2] == ["--profile", "slurm"]


@pytest.mark.parametrize(("words", "sentence"), [("--config none.yaml", "none.yaml"), ("--config", "give a config")])
def test_what_cannot_be_run(folder, words, sentence):
    with pytest.raises(UserError, match=sentence):
        snakemake_command(words.split())
