"""Running the workflow through profiles/slurm, and the Slurm cluster that it runs on."""

import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from cluster import Cluster, Unavailable

ROOT = Path(__file__).resolve().parents[2]
SMALL = ROOT / "tests" / "workflow" / "small.yaml"
PROFILE = ROOT / "profiles" / "slurm"
# Longer than anything here takes, on a machine that is busy with other things too.
SECONDS = 1500


def small(**changes: dict) -> dict:
    """The small configuration with changes: keyword = section, value = keys to replace; None leaves a section out."""
    raw = yaml.safe_load(SMALL.read_text())
    for section, keys in changes.items():
        raw[section] = {**raw.get(section, {}), **keys}
    return raw


def filled_in(text: str) -> str:
    """The profile with every commented-out entry of its site block put to use."""
    before, block, after = re.split(r"^# ====.*\n", text, flags=re.MULTILINE)
    return before + re.sub(r"^( *)# ( *[a-z_-]+:.*)$", r"\1\2", block, flags=re.MULTILINE) + after


class Run:
    """Snakemake with the profile, in a folder of its own."""

    def __init__(
        self,
        folder: Path,
        configuration: dict,
        environment: dict[str, str],
        profile: Path = PROFILE,
        snakefile: Path = ROOT / "Snakefile",
        first_look: int = 8,
        python: str = sys.executable,
    ):
        self.folder, self.environment, self.profile, self.snakefile = folder, environment, profile, snakefile
        # Seconds after which Snakemake looks at new jobs: about as long as a short one takes. The next looks come after
        # 10 s more each, until a job has succeeded.
        self.first_look = first_look
        # What runs Snakemake here, and in the jobs.
        self.python = python
        self.log = folder / "snakemake.out"
        folder.mkdir(parents=True, exist_ok=True)
        self.configure(configuration)
        self.process = None

    def configure(self, configuration: dict) -> None:
        """Write the configuration that the next start reads."""
        (self.folder / "mine.yaml").write_text(yaml.safe_dump(configuration))

    def start(self, *arguments: str) -> "Run":
        """Start Snakemake, and return at once."""
        command = [self.python, "-m", "snakemake", "--snakefile", str(self.snakefile)]
        command += ["--directory", str(self.folder), "--configfile", str(self.folder / "mine.yaml")]
        command += ["--profile", str(self.profile), "--seconds-between-status-checks", "1"]
        command += ["--slurm-init-seconds-before-status-checks", str(self.first_look), "--latency-wait", "5"]
        command += arguments
        with open(self.log, "a") as stream:
            self.process = subprocess.Popen(
                command, stdout=stream, stderr=subprocess.STDOUT, cwd=self.folder, env=self.environment
            )
        return self

    @property
    def output(self) -> str:
        """What Snakemake has said so far."""
        return self.log.read_text()

    def wait(self, seconds: float = SECONDS, code: int = 0) -> str:
        """Wait for the end, which must be with exit code `code`; returns what Snakemake said."""
        try:
            found = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.end()
            pytest.fail(f"not done after {seconds:g} s:\n{self.output[-6000:]}")
        assert found == code, self.output[-6000:]
        return self.output

    def until(self, condition, what: str, seconds: float = SECONDS):
        """Wait, while Snakemake runs, until `condition` gives something true, and return that."""
        end = time.monotonic() + seconds
        while not (found := condition()):
            assert self.process.poll() is None, f"Snakemake ended before {what}:\n{self.output[-6000:]}"
            assert time.monotonic() < end, f"waited {seconds:g} s in vain for {what}:\n{self.output[-6000:]}"
            time.sleep(0.1)
        return found

    def end(self) -> None:
        """Kill Snakemake if it still runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def start_or_skip(cluster: Cluster) -> None:
    """Start the cluster, or skip the test with the reason why not."""
    try:
        cluster.start()
    except Unavailable as reason:
        pytest.skip(f"no Slurm: {reason}")


@pytest.fixture(scope="session")
def cluster():
    """The running cluster; where it cannot be, its tests are skipped, and the reason is printed."""
    one = Cluster()
    start_or_skip(one)
    try:
        yield one
    finally:
        one.stop()


def pytest_terminal_summary(terminalreporter):
    """Say loudly where Slurm was not tested."""
    skipped = [report for report in terminalreporter.stats.get("skipped", []) if "no Slurm: " in str(report.longrepr)]
    if skipped:
        reason = str(skipped[0].longrepr).split("no Slurm: ")[1].rstrip("')")
        terminalreporter.section("SLURM NOT TESTED", red=True, bold=True)
        terminalreporter.line(f"{len(skipped)} tests need a Slurm cluster of their own, and were skipped: {reason}.")
