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
        from jamun.simulate.run import Peptide, simulate_to_files

        settings, work = SimulateSettings(**task["settings"]), Path(task["work"])
        simulate_to_files(Peptide("A", Path(task["pdb"]), settings, work, MdFiles.in_folder(folder)), threads=1)


if __name__ == "__main__":
    main()
