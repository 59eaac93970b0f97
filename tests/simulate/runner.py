"""Simulate in a process of its own, to be killed, stopped, or denied disk space; reads its task from a JSON file."""

import json
import resource
import sys
from pathlib import Path

from jamun.config.simulate import SimulateSettings
from jamun.io.log import job_log


def main() -> None:
    task = json.loads(Path(sys.argv[1]).read_text())
    folder = Path(task["folder"])
    if task.get("largest_file"):
        resource.setrlimit(resource.RLIMIT_FSIZE, (task["largest_file"], resource.RLIM_INFINITY))
    with job_log(task["log"]):
        from jamun.io.files import MdFiles
        from jamun.simulate.run import simulate_to_files

        simulate_to_files(
            Path(task["pdb"]),
            "A",
            SimulateSettings(**task["settings"]),
            MdFiles.in_folder(folder),
            Path(task["work"]),
            threads=1,
        )


if __name__ == "__main__":
    main()
