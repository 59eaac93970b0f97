"""Stands in for Slurm's commands, for tests of what is asked of Slurm: called under the name of one of them.

sbatch notes its arguments in $STUB_FOLDER/calls.jsonl and, at the rule's last attempt (attempts.json: by rule), touches
what the rule makes (outputs.json: by rule) and its benchmark; squeue says how the attempts ended; the others answer as
a cluster would.
"""

import fcntl
import json
import os
import re
import sys
from pathlib import Path

FOLDER = Path(os.environ["STUB_FOLDER"])
CALLS = FOLDER / "calls.jsonl"


def option(words, name):
    """The value of the option `name`, written as one word or two."""
    for place, word in enumerate(words):
        if word == name:
            return words[place + 1]
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return None


def sbatch(words):
    """Note the call, and print the job's number."""
    comment = option(words, "--comment")
    rule, _, wildcards = comment.removeprefix("rule_").partition("_wildcards_")
    calls = [json.loads(line) for line in CALLS.read_text().splitlines()] if CALLS.exists() else []
    attempt = 1 + sum(call["comment"] == comment for call in calls)
    attempts = json.loads((FOLDER / "attempts.json").read_text())[rule]
    with CALLS.open("a") as stream:
        ended = "COMPLETED" if attempt == attempts else "TIMEOUT"
        (command,) = (word for word in words if word.startswith("--wrap"))
        cores = re.search(r"--cores '?(\w+)", command).group(1)
        call = {
            "id": len(calls) + 1,
            "rule": rule,
            "comment": comment,
            "attempt": attempt,
            "state": ended,
            "cores": cores,
        }
        stream.write(json.dumps(call | {"words": [word for word in words if not word.startswith("--wrap")]}) + "\n")
    if attempt == attempts:
        dataset, *others = wildcards.split("_")
        benchmark = "/".join(["logs", dataset, rule, *others]) + ".tsv"
        for output in [*json.loads((FOLDER / "outputs.json").read_text())[rule], benchmark]:
            Path(option(words, "-D"), output).parent.mkdir(parents=True, exist_ok=True)
            Path(option(words, "-D"), output).touch()
    print(len(calls) + 1)


def squeue(words):
    """Tell how all jobs ended."""
    for line in CALLS.read_text().splitlines():
        call = json.loads(line)
        print(f"{call['id']}|{call['state']}")


def main():
    """Answer as the command whose name this was called by."""
    name, words = Path(sys.argv[0]).name, sys.argv[1:]
    if name == "sbatch":
        with open(FOLDER / "lock", "w") as lock:  # two are called at a time
            fcntl.flock(lock, fcntl.LOCK_EX)
            sbatch(words)
    elif name == "squeue":
        squeue(words)
    elif name == "scontrol":
        print("MaxArraySize            = 1001\nMinJobAge               = 300 sec")
    elif name == "sacctmgr":
        print("your_account")
    elif name == "sinfo":
        print("PARTITION\ndefault*")


if __name__ == "__main__":
    main()
