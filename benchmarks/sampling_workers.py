"""How fast sampling is with a worker a core: against one on one core, and beside a neighbour that is never idle.

    python benchmarks/sampling_workers.py --json benchmarks/results/sampling_workers.json

Two cores of this process are used, and nothing else should run on them. Each row is a process of its own. `share` is
the rate over what the row could have: the rate of one worker by itself, times the cores that are its fair share
(each worker, and each neighbour, one of as many equal parts). Rows `threads` are one process whose threads share each
evaluation, as before there were workers: spinning while they wait (OpenMP's own way) and sleeping. Processor time a
sample tells what is lost in waiting even where the clock counts what others do.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jamun.io.atomic import read_json, write_json
from jamun.io.provenance import provenance

_BUSY = "while True: pass"


@dataclass(frozen=True)
class Row:
    """One measurement: workers, threads that share an evaluation, cores, busy neighbours, OpenMP's wait policy."""

    name: str
    workers: int
    threads: int
    cores: int
    neighbours: int
    policy: str = "PASSIVE"

    @property
    def fair_cores(self) -> float:
        """Cores that are the fair share of the workers, or of the threads."""
        running = self.workers * self.threads
        return running * min(1.0, self.cores / (running + self.neighbours))


ROWS = [
    Row("one worker, one core", 1, 1, 1, 0),
    Row("two workers, two cores", 2, 1, 2, 0),
    Row("two workers, two cores, a busy neighbour", 2, 1, 2, 1),
    Row("two threads, two cores, spinning", 1, 2, 2, 0, "ACTIVE"),
    Row("two threads, two cores, a busy neighbour, spinning", 1, 2, 2, 1, "ACTIVE"),
    Row("two threads, two cores, sleeping", 1, 2, 2, 0),
    Row("two threads, two cores, a busy neighbour, sleeping", 1, 2, 2, 1),
]


def sample(row: Row, samples: int, folder: Path) -> dict[str, float]:
    """Sample AW with the shipped model in this process; rate and processor time of it."""
    import torch

    from jamun.config.sampling import SamplingSettings
    from jamun.io.shipped import DEFAULT_MODEL, sampling_in, shipped_model
    from jamun.model.score import NetworkScore
    from jamun.peptides.build import build_to_files
    from jamun.peptides.sequences import parse_sequence
    from jamun.sampling.run import SamplingFiles, sample_to_files

    build_to_files(parse_sequence("AW"), "capped", 7.0, folder / "AW.pdb", folder / "AW.json")
    model = shipped_model(DEFAULT_MODEL)
    own = sampling_in(str(model.weights))
    settings = SamplingSettings(**own | {"samples": samples, "chains": 100, "burn_in": 0, "device": "cpu"})
    if row.threads > 1:
        # What the command would share out among workers, by one: threads are set once sampling has set its own.
        torch.set_num_threads(row.threads)
        torch.set_num_threads = lambda nthreads: None
    before = _processor_seconds()
    files = SamplingFiles.in_folder(folder / "samples")
    sample_to_files(NetworkScore.read(model.weights), [folder / "AW.pdb"], "AW", settings, files, row.workers)
    record = read_json(files.record)
    used = _processor_seconds() - before
    return {"samples_a_second": samples / record["seconds"], "processor_ms_a_sample": 1e3 * used / samples}


def _processor_seconds() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def measure(place: int, samples: int, cores: list[int]) -> dict[str, float]:
    """A row in a process of its own, with its neighbours."""
    row = ROWS[place]
    pinned = ["taskset", "-c", ",".join(str(core) for core in cores[: row.cores])]
    neighbours = [subprocess.Popen([*pinned, sys.executable, "-c", _BUSY]) for _ in range(row.neighbours)]
    try:
        command = [*pinned, sys.executable, __file__, "--row", str(place), "--samples", str(samples)]
        environment = os.environ | {"OMP_WAIT_POLICY": row.policy}
        done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(done.stdout.splitlines()[-1])
    finally:
        for neighbour in neighbours:
            neighbour.kill()
            neighbour.wait()


def main() -> None:
    """Measure all rows, or in a process of its own one."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samples", type=int, default=1000, help="samples of each row")
    parser.add_argument("--rows", type=int, nargs="*", default=list(range(len(ROWS))), help="rows to measure")
    parser.add_argument("--row", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, help="file to write")
    options = parser.parse_args()
    if options.row is not None:
        with tempfile.TemporaryDirectory() as folder:
            print(json.dumps(sample(ROWS[options.row], options.samples, Path(folder))))
        return
    cores = sorted(os.sched_getaffinity(0))[:2]
    if len(cores) < 2:
        parser.error("this needs two cores")
    load = os.getloadavg()[0]
    rows: list[dict[str, Any]] = []
    for place in sorted({0, *options.rows}):
        row = ROWS[place]
        found = measure(place, options.samples, cores)
        alone = rows[0]["samples_a_second"] if rows else found["samples_a_second"]
        over = found["samples_a_second"] / alone
        rows.append({"row": row.name} | found | {"over_one_worker": over, "share": over / row.fair_cores})
        print("  ".join([f"{row.name:52}", *(f"{key} {value:.3g}" for key, value in rows[-1].items() if key != "row")]))
    if options.json is not None:
        written = {"rows": rows, "samples": options.samples, "load_before": load, "date": time.strftime("%F")}
        write_json(options.json, written | {"provenance": provenance("torch")})


if __name__ == "__main__":
    main()
