"""Slots of GPUs that jobs of one machine share."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import subprocess
import sys
import threading
import uuid
from contextlib import ExitStack
from pathlib import Path

import pytest

from jamun.io import gpu
from jamun.io.gpu import Gpu, cuda_gpus, slot_folder, slots
from jamun.io.log import UserError

GPUS = [Gpu(index, f"gpu_{index}") for index in range(3)]


def test_jobs_spread_over_devices_before_they_share(tmp_path: Path) -> None:
    with ExitStack() as stack:
        taken = [stack.enter_context(slots(tmp_path, GPUS, 2)) for _ in range(6)]
    assert taken == [[0], [1], [2], [0], [1], [2]]


def test_a_job_of_several_devices_takes_them_together_or_not_at_all(tmp_path: Path) -> None:
    with slots(tmp_path, GPUS, 1, count=2) as both:
        assert both == [0, 1]
        assert gpu._take(tmp_path, GPUS, 1, 2) is None
        # What could not take two left the third free.
        with slots(tmp_path, GPUS, 1) as third:
            assert third == [2]
    with slots(tmp_path, GPUS, 4, count=3) as all_of_them:
        assert all_of_them == [0, 1, 2]
    with (
        pytest.raises(UserError, match=r"training\.devices asks for 4 GPUs, and 3 can be used"),
        slots(tmp_path, GPUS, 1, count=4),
    ):
        pass


def test_waits_for_a_slot_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(gpu, "_LOOK_AGAIN", 0.01)
    got = threading.Event()

    def second() -> None:
        with slots(tmp_path, GPUS[:1], 1):
            got.set()

    thread = threading.Thread(target=second)
    with caplog.at_level(logging.INFO), slots(tmp_path, GPUS[:1], 1):
        thread.start()
        assert not got.wait(0.2)
    thread.join(5)
    assert got.is_set()
    assert caplog.text.count("waiting for one") == 1


def test_a_killed_job_frees_its_slot(tmp_path: Path) -> None:
    script = (
        "import sys, time\nfrom pathlib import Path\nfrom jamun.io.gpu import Gpu, slots\n"
        "with slots(Path(sys.argv[1]), [Gpu(0, 'gpu_0')], 1):\n    print('held', flush=True)\n    time.sleep(60)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    assert gpu._take(tmp_path, GPUS[:1], 1, 1) is None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    with slots(tmp_path, GPUS[:1], 1) as taken:
        assert taken == [0]


def test_a_device_is_one_slot_whatever_its_index(tmp_path: Path) -> None:
    """Processes whose first devices differ do not wait for each other; those of one device do, by whatever index."""
    with slots(tmp_path, [Gpu(0, "a")], 1), slots(tmp_path, [Gpu(0, "b")], 1) as other:
        assert other == [0]
        assert gpu._take(tmp_path, [Gpu(5, "a")], 1, 1) is None


class Driver:
    """CUDA's driver as far as it is asked here; two devices."""

    UUIDS = (uuid.UUID(int=7), uuid.UUID(int=8))

    def __init__(self, status: int = 0) -> None:
        self.status = status

    def cuInit(self, flags: int) -> int:
        return self.status

    def cuDeviceGetCount(self, count: ctypes.c_int) -> int:
        count._obj.value = 2
        return 0

    def cuDeviceGet(self, device: ctypes.c_int, ordinal: int) -> int:
        device._obj.value = 100 + ordinal
        return 0

    def cuDeviceGetUuid_v2(self, found: ctypes.Array, device: ctypes.c_int) -> int:
        found._obj.raw = self.UUIDS[device.value - 100].bytes
        return 0


def test_devices_are_named_by_their_uuids(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Driver())
    assert cuda_gpus() == [Gpu(0, str(Driver.UUIDS[0])), Gpu(1, str(Driver.UUIDS[1]))]


@pytest.mark.parametrize("no_device", [100, 999])
def test_a_driver_without_devices_shows_none(monkeypatch: pytest.MonkeyPatch, no_device: int) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Driver(no_device))
    assert cuda_gpus() == []


def test_without_a_driver_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> None:
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", missing)
    assert cuda_gpus() == []


def test_slots_are_the_users_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder = slot_folder()
    assert folder.parent == tmp_path
    with slots(folder, GPUS, 1):
        assert folder.stat().st_mode & 0o777 == 0o700
