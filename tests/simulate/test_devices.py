"""Slots of GPUs that several simulations share."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import openmm
import pytest

from jamun.config.simulate import SimulateSettings
from jamun.simulate import devices, run
from jamun.simulate.devices import multi_process_service, slot


def test_jobs_spread_over_devices_before_they_share(tmp_path: Path) -> None:
    with ExitStack() as stack:
        taken = [stack.enter_context(slot(tmp_path, [0, 1, 2], 2)) for _ in range(6)]
    assert taken == [0, 1, 2, 0, 1, 2]


def test_waits_for_a_slot_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(devices, "_LOOK_AGAIN", 0.01)
    got = threading.Event()

    def second() -> None:
        with slot(tmp_path, [3], 1):
            got.set()

    thread = threading.Thread(target=second)
    with caplog.at_level(logging.INFO), slot(tmp_path, [3], 1):
        thread.start()
        assert not got.wait(0.2)
    thread.join(5)
    assert got.is_set()
    assert caplog.text.count("waiting for one") == 1


def test_a_killed_job_frees_its_slot(tmp_path: Path) -> None:
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom jamun.simulate.devices import slot\n"
        "with slot(Path(sys.argv[1]), [0], 1):\n    print('held', flush=True)\n    time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with slot(tmp_path, [0], 1) as index:
        assert index == 0


def test_devices_are_counted_until_one_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def context(system: object, integrator: object, platform: object, properties: dict[str, str]) -> None:
        if int(properties["DeviceIndex"]) >= 3:
            raise openmm.OpenMMException("Illegal value for DeviceIndex")

    monkeypatch.setattr(openmm, "Context", context)
    assert devices.devices(openmm.Platform.getPlatformByName("Reference")) == [0, 1, 2]


def test_multi_process_service_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_MPS_PIPE_DIRECTORY", str(tmp_path))
    assert not multi_process_service()
    (tmp_path / "control").touch()
    assert multi_process_service()


@pytest.mark.parametrize(("name", "expected"), [("CUDA", {"Precision": "mixed", "DeviceIndex": "1"}), ("CPU", {})])
def test_a_simulation_takes_the_device_of_its_slot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, expected: dict[str, str]
) -> None:
    class Platform:
        def getName(self) -> str:
            return name

    monkeypatch.setattr(run, "devices", lambda _: [0, 1])
    properties = {"Precision": "mixed"} if name == "CUDA" else {}
    settings = SimulateSettings(jobs_per_gpu=1)
    with slot(tmp_path, [0], 1), run._device(Platform(), properties, settings, tmp_path) as chosen:
        assert chosen == expected
