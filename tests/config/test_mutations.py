"""Bad configurations end in one sentence and exit code 1, before any job and without a file: 1,000 of them."""

import copy
import random
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import mutations
import pytest
import yaml
from forking import forking_python

from jamun import cli
from jamun.config import ConfigurationError, read
from jamun.io.text import LONGEST
from jamun.workflow import resolve

ROOT = Path(__file__).resolve().parents[2]
REFUSED = 1000
SEED = 20241
IMPORTED = {
    "dataset": "imported",
    "source": {"kind": "files", "table": "good.csv"},
    "peptides": {"train": ["AA"], "validation": ["AG"], "test": ["AW"]},
    "models": {"trained": {"training": {"max_steps": 10}}, "brought": {"checkpoint": "good.ckpt"}},
    "sampling": {"starts": ["{peptide}.pdb"]},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with the good and bad files that configurations name."""
    folder = tmp_path_factory.mktemp("mutations")
    mutations.write_bad_files(folder)
    (folder / "configs").mkdir()
    (folder / "configs/paper_test_peptides.csv").write_bytes((ROOT / "configs/paper_test_peptides.csv").read_bytes())
    rows = [f"{name},{name}.pdb,{name}.xtc" for name in ("AA", "AG", "AW")]
    (folder / "good.csv").write_text("\n".join(["peptide,topology,trajectory", *rows]))
    for name in ("good.ckpt", *(f"{name}.{kind}" for name in ("AA", "AG", "AW") for kind in ("pdb", "xtc"))):
        (folder / name).write_text("")
    return folder


@pytest.fixture(scope="module")
def originals(folder):
    """The configurations that are mutated; they themselves are good."""
    shipped = [
        yaml.safe_load((ROOT / name).read_text())
        for name in ("config.yaml", "configs/implicit_cpu.yaml", "configs/paper.yaml", "configs/public.yaml")
    ]
    for raw in (*shipped, IMPORTED):
        resolve(raw, "good", folder)
    return [*shipped, IMPORTED]


def content(folder):
    return {path.relative_to(folder) for path in folder.rglob("*")}


def mutated(originals, number):
    """The mutation of that number: its class and what the file holds."""
    rng = random.Random(SEED * 1_000_000 + number)
    mutation = mutations.MUTATIONS[number % len(mutations.MUTATIONS)]
    return mutation, mutation(copy.deepcopy(rng.choice(originals)), rng)


def refusal(mutant, folder):
    """The message with which the configuration is refused, or None where it happens to be a good one."""
    try:
        if isinstance(mutant, (str, bytes)):
            file = folder / "mutant.yaml"
            file.write_bytes(mutant if isinstance(mutant, bytes) else mutant.encode())
            mutant = read(file)
        resolve(mutant, "mutant.yaml", folder)
    except ConfigurationError as error:
        return str(error)
    return None


def assert_sentence(message):
    assert message.isprintable(), repr(message)
    assert len(message) <= LONGEST, message
    assert "mutant.yaml: " in message
    assert len(message.split("mutant.yaml: ")[1].split()) >= 4, message
    assert message.endswith((".", "?")), message
    # What Python, pydantic or a library says of itself.
    for noise in ("Traceback", "pydantic", "NoneType", "object at 0x", "Errno", "constrained", "Input should"):
        assert noise not in message, message


def test_a_thousand_are_refused_in_one_sentence(originals, folder):
    before = content(folder) | {Path("mutant.yaml")}
    refused, passed, number = Counter(), Counter(), 0
    while refused.total() < REFUSED:
        mutation, mutant = mutated(originals, number)
        message = refusal(mutant, folder)
        if message is None:
            passed[mutation.__name__] += 1
        else:
            refused[mutation.__name__] += 1
            assert_sentence(message)
        number += 1
    assert content(folder) == before
    # Of every class, most are bad; the rest are good ones by chance, such as a negative number where those are allowed.
    for mutation in mutations.MUTATIONS:
        assert refused[mutation.__name__] > 2 * passed[mutation.__name__], (mutation.__name__, refused, passed)


def written_to_yaml(originals, folder):
    """A refused mutation of each of twelve classes, as the text of a YAML file; nesting that Snakemake's reader cannot
    follow, and files that are no YAML, are not among them: it refuses those by itself, before it reads the workflow."""
    texts, number = {}, 0
    classes = [mutation for mutation in mutations.MUTATIONS if mutation is not mutations.no_yaml]
    classes = random.Random(SEED).sample(classes, 12)
    while len(texts) < len(classes):
        mutation, mutant = mutated(originals, number)
        number += 1
        if mutation in classes and mutation.__name__ not in texts and isinstance(mutant, dict):
            try:
                text = yaml.safe_dump(mutant)
                again = yaml.safe_load(text)
            except (yaml.YAMLError, ValueError, RecursionError):
                continue
            if refusal(again, folder):
                texts[mutation.__name__] = text
    return texts


@pytest.mark.workflow
def test_snakemake_and_the_command_line_say_the_same(originals, folder, monkeypatch, capsys):
    texts = written_to_yaml(originals, folder)
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text)
    before = content(folder)
    monkeypatch.chdir(folder)

    def by_snakemake(name):
        command = [forking_python(), "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "-n", "all"]
        command += ["--configfile", str(folder / f"{name}.yaml")]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    with ThreadPoolExecutor(2) as pool:
        finished = dict(zip(texts, pool.map(by_snakemake, texts), strict=True))
    for name, run in finished.items():
        assert run.returncode == 1, (name, run.stdout, run.stderr)
        assert "Traceback" not in run.stdout + run.stderr, (name, run.stdout)
        said = [line for line in run.stderr.splitlines() if not line.startswith("Using workflow specific profile")]
        assert len(said) == 1, (name, run.stderr)
        monkeypatch.setattr(sys, "argv", ["jamun", "check", "--config", str(folder / f"{name}.yaml")])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 1
        assert capsys.readouterr() == ("", f"{said[0]}\n"), name
    assert {path for path in content(folder) if path.parts[0] != ".snakemake"} == before
