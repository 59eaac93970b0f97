"""A Slurm cluster of one node on this machine, for tests: its munged, slurmctld and slurmd, started and stopped here.

The node claims eight processors, as may be more than there are, and two GPUs, which are /dev/null and /dev/zero, unless
it is to claim others: Slurm hands them out as it would real ones. It needs root and Debian's packages slurm-wlm and
munge. A Slurm that is configured on the machine already is left alone.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil

# Everything the cluster writes, its two files below /etc/slurm apart: Slurm's job steps look for those there only.
FOLDER = Path("/run/jamun-slurm")
LOCK = Path("/run/jamun-slurm.lock")
ETC = Path("/etc/slurm")
MARK = "# Written by JAMUN's tests, and removed by them."
# In the environment of the daemons and of the jobs, so that what a killed test run left behind is found again.
VARIABLE = "JAMUN_SLURM_TESTS"
PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "sinfo", "scontrol")

SHARDS = 8
# Slurm wants device files for GPUs; these are on every Linux, and nothing is done with them.
DEVICES = ("null", "zero", "full", "random", "urandom")

_SLURM_CONF = """{mark}
ClusterName=jamun_tests
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
SlurmUser=root
SlurmdUser=root
StateSaveLocation={folder}/slurmctld
SlurmdSpoolDir={folder}/slurmd
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SlurmdParameters=config_overrides
ReturnToService=2
# The tests ask for jobs that ended long ago.
MinJobAge=3600
# Time limits hold to the minute, and a job has KillWait seconds to save.
EnforcePartLimits=ALL
OverTimeLimit=0
KillWait=30
SchedulerParameters=batch_sched_delay=0,sched_interval=5,bf_interval=5
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
GresTypes=gpu,shard
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} Gres=gpu:{gpus},shard:{shards} State=UNKNOWN
PartitionName=cpu Nodes={host} Default=YES MaxTime=INFINITE PriorityTier=1 PreemptMode=OFF State=UP
PartitionName=gpu Nodes={host} MaxTime=INFINITE PriorityTier=1 PreemptMode=OFF State=UP
PartitionName=scavenge Nodes={host} MaxTime=INFINITE PriorityTier=1 GraceTime=20 State=UP
PartitionName=spot Nodes={host} MaxTime=INFINITE PriorityTier=1 State=UP
PartitionName=urgent Nodes={host} MaxTime=INFINITE PriorityTier=2 PreemptMode=OFF State=UP
"""
_GRES_CONF = """{mark}
{devices}
Name=shard Count={shards}
"""


class Unavailable(Exception):
    """Slurm cannot be started here; the message says why."""


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def is_ours(process: psutil.Process) -> bool:
    """Whether a process is the cluster's: a daemon, or a job or Snakemake of these tests."""
    if process.pid in (os.getpid(), *(parent.pid for parent in psutil.Process().parents())):
        return False
    try:
        if process.environ().get(VARIABLE) == str(FOLDER):
            return True
        # Slurm's processes overwrite their environment.
        return process.name().startswith("slurm") and Path(process.cwd()).is_relative_to(FOLDER)
    except (psutil.Error, OSError):
        return False


class Cluster:
    """The cluster, of one such node; `start` it, use Slurm's own commands with `environment`, `stop` it."""

    def __init__(self, cpus: int = 8, memory_mb: int = 64000, gpus: int = 2) -> None:
        self.cpus, self.memory_mb, self.gpus = cpus, memory_mb, gpus
        self._lock = None

    @property
    def environment(self) -> dict[str, str]:
        """Environment of the commands that submit jobs."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SLURM_")}
        return kept | {VARIABLE: str(FOLDER), "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

    def start(self) -> None:
        """Start the daemons and wait until the node is idle.

        Raises Unavailable where that cannot or must not be tried, RuntimeError if a daemon does not come up.
        """
        self._check()
        self._lock = open(LOCK, "w")  # noqa: SIM115 (held until stop)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._lock.close()
            raise Unavailable("another run of these tests has its Slurm running") from None
        # What is left of a run that was killed: whoever held the lock is gone.
        self._clean()
        try:
            self._write()
            self._launch()
        except BaseException:
            self.stop()
            raise

    def _check(self) -> None:
        if not sys.platform.startswith("linux"):
            raise Unavailable("Slurm runs on Linux only")
        for path in (ETC / "slurm.conf", ETC / "gres.conf"):
            if path.exists() and not path.read_text().startswith(MARK):
                raise Unavailable(f"{path} is not of these tests: Slurm is configured on this machine already")
        missing = [program for program in PROGRAMS if shutil.which(program) is None]
        if missing:
            raise Unavailable(f"{', '.join(missing)} not installed (on Debian: apt-get install slurm-wlm munge)")
        if os.geteuid() != 0:
            raise Unavailable("starting Slurm's daemons needs root")

    def _write(self) -> None:
        for folder in (FOLDER, FOLDER / "slurmctld", FOLDER / "slurmd", FOLDER / "munge", ETC):
            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        key = FOLDER / "munge" / "key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(128))
        controller_port, node_port = _free_ports(2)
        values = {
            "mark": MARK,
            "host": socket.gethostname().split(".")[0],
            "folder": FOLDER,
            "controller_port": controller_port,
            "node_port": node_port,
            "cpus": self.cpus,
            "memory": self.memory_mb,
            "gpus": self.gpus,
            "devices": "\n".join(f"Name=gpu File=/dev/{device}" for device in DEVICES[: self.gpus]),
            "shards": SHARDS,
        }
        (ETC / "gres.conf").write_text(_GRES_CONF.format(**values))
        (ETC / "slurm.conf").write_text(_SLURM_CONF.format(**values))

    def _launch(self) -> None:
        munged = ["munged", "--force", f"--key-file={FOLDER}/munge/key", f"--socket={FOLDER}/munge.socket"]
        munged += [
            f"--pid-file={FOLDER}/munged.pid",
            f"--log-file={FOLDER}/munge/log",
            f"--seed-file={FOLDER}/munge/seed",
        ]
        for command in (munged, ["slurmctld", "-c"], ["slurmd"]):
            done = subprocess.run(
                command, env=self.environment, capture_output=True, text=True, timeout=60, check=False
            )
            if done.returncode:
                raise RuntimeError(f"{command[0]} did not start: {done.stderr or done.stdout}")
        self.wait_for(lambda: self.command("sinfo", "--noheader", "-o", "%T", check=False).split()[:1] == ["idle"], 60)

    def command(self, *words: str, check: bool = True) -> str:
        """Output of one of Slurm's commands."""
        done = subprocess.run(words, env=self.environment, capture_output=True, text=True, timeout=60, check=False)
        if check and done.returncode:
            raise RuntimeError(f"{' '.join(words)}: {done.stderr}")
        return done.stdout

    def wait_for(self, condition, seconds: float, every: float = 0.2):
        """Wait until `condition` gives something true, and return that; RuntimeError after `seconds`."""
        end = time.monotonic() + seconds
        while not (found := condition()):
            if time.monotonic() > end:
                raise RuntimeError(f"waited {seconds:g} s in vain; Slurm's logs end with:\n{self.logs()}")
            time.sleep(every)
        return found

    def jobs(self) -> list[dict]:
        """Every job that the controller remembers, as `squeue --json` tells of them."""
        return json.loads(self.command("squeue", "--json", "--states=all"))["jobs"]

    def logs(self) -> str:
        """The ends of the daemons' logs."""
        return "\n".join(
            f"{path}:\n{path.read_text(errors='replace')[-2000:]}"
            for path in sorted(FOLDER.glob("*.log"))
            if path.exists()
        )

    def stop(self) -> None:
        """End all jobs and daemons and remove every trace."""
        if self._lock is None:
            return
        self._clean()
        self._lock.close()
        self._lock = None

    def _clean(self) -> None:
        # Nothing of its state is kept, so nothing needs to be asked to end.
        while left := list(filter(is_ours, psutil.process_iter())):
            for process in left:
                with suppress(psutil.Error):
                    process.kill()
            psutil.wait_procs(left, timeout=5)
        for path in (ETC / "slurm.conf", ETC / "gres.conf"):
            if path.exists() and path.read_text().startswith(MARK):
                path.unlink()
        shutil.rmtree(FOLDER, ignore_errors=True)
