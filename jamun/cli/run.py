"""The command `jamun run`: the workflow that comes with the package, in the current folder."""

import os
import sys
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from jamun.io.log import UserError
from jamun.io.shipped import workflow_folder

CONTEXT = {"allow_extra_args": True, "ignore_unknown_options": True}
_CONFIG = ("--config", "--configfile", "--configfiles")
_PROFILE = ("--profile", "--workflow-profile")


def run(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[--config FILE] [TARGETS AND OPTIONS OF SNAKEMAKE]")
    ] = None,
) -> None:
    """Run the workflow in the current folder: jamun run --config mine.yaml --cores 4 all

    Without --config, it takes config.yaml of this folder, or else the demo's. All other words go to Snakemake: targets,
    -n to plan, --config KEY=VALUE. --profile slurm and --profile workstation are the package's profiles, unless a
    folder of that name is here. After a stop, the same command continues.
    """
    command = snakemake_command(words or [])
    sys.stdout.flush()
    os.execv(command[0], command)


@dataclass
class Words:
    """A command line in parts: configuration files, KEY=VALUE settings, and what goes to Snakemake as it is."""

    files: list[str] = field(default_factory=list)
    settings: list[str] = field(default_factory=list)
    rest: list[str] = field(default_factory=list)


def snakemake_command(given: list[str]) -> list[str]:
    """The command that runs the workflow with `given`, what follows `jamun run`.

    Raises UserError for a configuration file that is not there, and where Snakemake is not installed.
    """
    if find_spec("snakemake") is None:
        raise UserError(f"Snakemake is not installed for {sys.executable}: install it with `pip install snakemake`")
    words = _parted(given)
    files = [_configuration(name) for name in words.files or _without_file()]
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(workflow_folder() / "Snakefile")]
    # Last, since Snakemake would read a target after these as one more of their values.
    command += [*_with_profiles(words.rest), "--configfile", *map(str, files)]
    return [*command, "--config", *words.settings] if words.settings else command


def _parted(given: list[str]) -> Words:
    """`--config` takes a file, then KEY=VALUE words, of which Snakemake's own --config takes as many as there are."""
    words, position = Words(), 0
    while position < len(given):
        word, _, attached = given[position].partition("=")
        if word not in _CONFIG:
            words.rest.append(given[position])
            position += 1
            continue
        values = [attached] if attached else []
        position += 1
        if not values and position < len(given) and not given[position].startswith("-"):
            values.append(given[position])
            position += 1
        while position < len(given) and "=" in given[position] and not given[position].startswith("-"):
            values.append(given[position])
            position += 1
        if not values:
            raise UserError(f"{word}: give a configuration file or KEY=VALUE after it")
        for value in values:
            (words.settings if "=" in value and not Path(value).exists() else words.files).append(value)
    return words


def _without_file() -> list[str]:
    """The configuration where none is named."""
    if Path("config.yaml").is_file():
        return ["config.yaml"]
    typer.echo("No --config and no config.yaml here: this is the demo.", err=True)
    return [str(workflow_folder() / "config.yaml")]


def _configuration(name: str) -> Path:
    """A file here, or else one of those that come with the program."""
    for path in (Path(name), workflow_folder() / name, workflow_folder() / "configs" / name):
        if path.is_file():
            return path
    raise UserError(f"{name}: no such configuration file; correct the path")


def _with_profiles(words: list[str]) -> list[str]:
    """`words` with the profiles that come with the program by their paths."""
    found = list(words)
    for position, word in enumerate(words):
        option, _, attached = word.partition("=")
        if option in _PROFILE and attached:
            found[position] = f"{option}={_profile(attached)}"
        elif option in _PROFILE and position + 1 < len(words):
            found[position + 1] = _profile(words[position + 1])
    return found


def _profile(name: str) -> str:
    shipped = workflow_folder() / "profiles" / Path(name).name
    return name if Path(name).exists() or not shipped.is_dir() else str(shipped)
