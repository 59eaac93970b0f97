"""What each rule asks of Slurm through profiles/slurm; commands that take notes stand in for Slurm's own."""

import csv
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml
from conftest import PROFILE, ROOT, SMALL, Run, filled_in, small
from forking import forking_python
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, ResourceSettings

pytestmark = pytest.mark.workflow

STUB = Path(__file__).with_name("stub.py")
COMMANDS = ("sbatch", "squeue", "scontrol", "sinfo", "sacct", "sacctmgr", "scancel")
ON_GPUS = {"simulate": {"platform": "CUDA"}, "training": {"accelerator": "gpu"}, "sampling": {"device": "cuda"}}
GPU_RULES = {"simulate", "train", "sample", "ablation_sample"}


def asked(folder: Path, configuration: dict, profile: Path, target: str, attempts: dict[str, int], *words: str):
    """Every call of sbatch in a run that needs `attempts` of each rule: rule, attempt, words."""
    commands = folder / "bin"
    commands.mkdir()
    for name in COMMANDS:
        (commands / name).write_text(f"#!{sys.executable} -IS\n{STUB.read_text()}")
        (commands / name).chmod(0o755)
    environment = os.environ | {"PATH": f"{commands}:{os.environ['PATH']}", "STUB_FOLDER": str(folder)}
    run = Run(folder / "run", configuration, environment, profile, first_look=1, python=forking_python("snakemake"))
    command = [run.python, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--summary", target]
    command += ["--directory", str(run.folder), "--configfile", str(run.folder / "mine.yaml")]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    outputs = {}
    for row in csv.DictReader(listed[listed.index("output_file") :].splitlines(), delimiter="\t"):
        outputs.setdefault(row["rule"], []).append(row["output_file"])
    (folder / "outputs.json").write_text(json.dumps(outputs))
    (folder / "attempts.json").write_text(json.dumps({rule: attempts.get(rule, attempts["*"]) for rule in outputs}))
    run.start(*words, "--", target).wait()
    calls = [json.loads(line) for line in (folder / "calls.jsonl").read_text().splitlines()]
    assert {call["rule"] for call in calls} == set(outputs)
    return calls


def value(call, option):
    """What the call gives for an option, None if nothing."""
    for place, word in enumerate(call["words"]):
        if word == option:
            return call["words"][place + 1]
        if word.startswith(f"{option}="):
            return word.partition("=")[2]
    return None


def filled_profile(folder):
    """The profile with its site block filled in, in a folder."""
    profile = folder / "profile"
    profile.mkdir()
    text = filled_in((PROFILE / "config.yaml").read_text()).replace("profiles/slurm/", f"{PROFILE}/")
    (profile / "config.yaml").write_text(text)
    return profile


@pytest.fixture(scope="module")
def calls(tmp_path_factory):
    """Calls of three runs, which go on at the same time.

    site: every rule, on GPUs where it can, by the profile filled in; peptides are built at the second attempt. plain: a
    CPU configuration by the profile as it is, but simulations take a share of a GPU. limits: GPUs, by partitions.yaml.
    """
    site, plain, limits = (tmp_path_factory.mktemp(name) for name in ("site", "plain", "limits"))
    once, twice = {"*": 1}, {"*": 1, "build_peptide": 2}
    shares = ("--set-resources", "simulate:gres=shard:1")
    by_limits = ("--slurm-partition-config", str(PROFILE / "partitions.yaml"))
    with ThreadPoolExecutor() as pool:
        runs = {
            "site": pool.submit(asked, site, small(**ON_GPUS), filled_profile(site), "figures", twice),
            "plain": pool.submit(asked, plain, small(), PROFILE, "samples", once, *shares),
            "limits": pool.submit(asked, limits, small(**ON_GPUS), PROFILE, "samples", once, *by_limits),
        }
        return {name: run.result() for name, run in runs.items()}


def test_gpu_rules_ask_for_exactly_one_gpu_and_the_others_for_none(calls):
    for call in calls["site"]:
        gpus, partition = value(call, "--gpus"), value(call, "-p")
        assert value(call, "--gres") is None
        assert value(call, "--ntasks-per-gpu") is None
        assert (gpus, partition) == (("a100:1", "gpu") if call["rule"] in GPU_RULES else (None, "cpu")), call
    assert {call["rule"] for call in calls["site"]} > GPU_RULES


def test_account_constraint_and_no_requeue_are_asked_for_by_all(calls):
    for call in calls["site"]:
        assert value(call, "-A") == "your_account"
        assert "--no-requeue" in call["words"]
        # For a partition that preempts the site block says otherwise of the simulations; the last word counts.
        after = call["words"][call["words"].index("--no-requeue") :]
        assert ("--requeue" in after) == (call["rule"] == "simulate")
    assert {value(call, "-C") for call in calls["site"] if call["rule"] not in GPU_RULES} == {"avx2"}


def test_a_second_attempt_asks_for_twice_as_much(calls):
    first, second = (
        [call for call in calls["site"] if call["rule"] == "build_peptide" and call["attempt"] == attempt]
        for attempt in (1, 2)
    )
    assert len(first) == len(second) == 4
    for one, other in zip(first, second, strict=True):
        assert int(value(other, "--mem")) == 2 * int(value(one, "--mem"))
        assert int(value(other, "-t")) == 2 * int(value(one, "-t"))


def test_memory_and_run_time_of_every_rule_grow_up_to_three_times(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    settings = {"config_settings": ConfigSettings(configfiles=[SMALL]), "snakefile": ROOT / "Snakefile"}
    with SnakemakeApi() as api:
        rules = api.workflow(ResourceSettings(cores=1), workdir=tmp_path, **settings)._workflow.rules
    submitted = [rule for rule in rules if rule.output and rule.name != "report_html"]
    assert {rule.name for rule in submitted} > GPU_RULES
    for rule in submitted:
        for name in ("mem_mb", "runtime"):
            values = [rule.resources[name].evaluate(None, attempt=attempt).value for attempt in (1, 2, 3, 4, 11)]
            assert values == [values[0] * times for times in (1, 2, 3, 3, 3)], f"{rule.name}: {name}"


def test_the_profile_as_it_is_asks_for_no_gpu_on_a_cpu_configuration_but_for_a_share(calls):
    for call in calls["plain"]:
        assert value(call, "--gpus") is value(call, "-C") is value(call, "-A") is None
        assert value(call, "--gres") == ("shard:1" if call["rule"] == "simulate" else None)
        assert value(call, "-p") == "default"
    # Their rules' own numbers, whatever cores this machine has, and the Snakemake inside the job may use them.
    assert {call["cores"] for call in calls["plain"]} == {"64"}
    threads = {call["rule"]: value(call, "--cpus-per-task") for call in calls["plain"]}
    assert threads["train"] == "16"
    assert threads["sample"] == "8"
    assert threads["simulate"] == "1"


def test_partitions_by_limits_keep_cpu_jobs_off_gpu_nodes(calls):
    for call in calls["limits"]:
        assert (value(call, "-p") == "gpu") == (call["rule"] in GPU_RULES), call
        assert value(call, "--gpus") == ("1" if call["rule"] in GPU_RULES else None)


def test_every_entry_of_the_profile_is_commented():
    lines = (PROFILE / "config.yaml").read_text().splitlines()
    before = ["", *lines[:-1]]
    entries = [(line, above) for line, above in zip(lines, before, strict=True) if line[:1].isalpha()]
    assert {line.partition(":")[0] for line, _ in entries} == set(yaml.safe_load("\n".join(lines)))
    for line, above in entries:
        # An entry follows its comment, or the entry that shares it.
        assert above.startswith("#") or above[:1].isalpha(), line
