"""What pages tell people to type: commands have these options, targets are there, settings are settings."""

import re
import shlex
from pathlib import Path

import pytest
import typer
import yaml

from jamun import cli
from jamun.config import parse
from jamun.config.configuration import Configuration

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "studies").glob("*/*.md"))]
COMMANDS = typer.main.get_command(cli.app).commands
TARGETS = set(re.findall(r"^rule (\w+):", (ROOT / "Snakefile").read_text(), re.MULTILINE))
# Of Snakemake's options, those that pages use, with how many words they take at most.
MANY = 1000
TAKES = {"--cores": 1, "--profile": 1, "--resources": 1, "--sdm": 1, "--configfile": MANY, "--config": MANY}
NAMED = [pytest.param(page, id=page.relative_to(ROOT).as_posix()) for page in PAGES]


def blocks(page, *languages):
    """Fenced blocks of a page in one of the languages."""
    found = re.findall(r"^ *```(\w*)\n(.*?)^ *```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [text for language, text in found if language in languages]


def typed(page, program):
    """The words after `program` in each line of a page's blocks that calls it, and in its text."""
    lines = [line for text in blocks(page, "", "bash") for line in text.splitlines()]
    lines += re.findall(r"`([^`\n]+)`", page.read_text(encoding="utf-8"))
    words = [shlex.split(line, comments=True) for line in lines if line.startswith(f"{program} ")]
    return [line[1:] for line in words]


def parted(words):
    """A command line as Snakemake reads it: its targets, and the words that its configuration takes."""
    targets, taken, option, left = [], [], None, 0
    for word in words:
        if word.startswith("-"):
            option, left = word, TAKES.get(word, 0)
        elif left:
            left -= 1
            taken += [word] if option in ("--configfile", "--config") else []
        else:
            targets.append(word)
    return targets, taken


@pytest.mark.parametrize("page", NAMED)
def test_commands_have_these_options(page):
    for words in typed(page, "jamun"):
        name = words[0]
        assert name in COMMANDS, words
        if name == "run":  # hands its words on
            continue
        options = {option for parameter in COMMANDS[name].params for option in parameter.opts}
        for word in words[1:]:
            assert not word.startswith("-") or word in options, words


@pytest.mark.parametrize("page", NAMED)
def test_targets_are_there_and_no_configuration_takes_them(page):
    for words in typed(page, "snakemake"):
        targets, taken = parted(words)
        for target in targets:
            assert target in TARGETS or target.startswith("results/") or target == "...", words
        assert not TARGETS & set(taken), f"a target after --configfile or --config: {words}"


def test_a_target_after_a_configuration_is_found():
    assert parted(["-n", "all", "--configfile", "a.yaml"]) == (["all"], ["a.yaml"])
    assert parted(["--configfile", "a.yaml", "all"]) == ([], ["a.yaml", "all"])
    assert parted(["--config", "a=1", "--cores", "2", "all"]) == (["all"], ["a=1"])


@pytest.mark.parametrize("page", NAMED)
def test_settings_are_settings(page):
    """Every block of YAML is a part of a configuration that is complete with the defaults."""
    for text in blocks(page, "yaml"):
        part = yaml.safe_load(text)
        assert set(part) <= set(Configuration.model_fields), text
        parse(part)


def test_blocks_were_found():
    count = {program: sum(len(typed(page, program)) for page in PAGES) for program in ("jamun", "snakemake")}
    assert count["jamun"] > 30
    assert count["snakemake"] > 30
    assert sum(len(blocks(page, "yaml")) for page in PAGES) > 15
