"""The GPUs of OpenMM, and the slot that a simulation takes."""

from __future__ import annotations

from pathlib import Path

import openmm
import pytest

from jamun.config.simulate import SimulateSettings
from jamun.io.gpu import Gpu, slots
from jamun.simulate import platform, run
from jamun.simulate.platform import multi_process_service


def test_opencl_devices_are_counted_until_one_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    def context(system: object, integrator: object, platform: object, properties: dict[str, str]) -> object:
        if int(properties["DeviceIndex"]) >= 3:
            raise openmm.OpenMMException("Illegal value for DeviceIndex")
        return object()

    monkeypatch.setattr(openmm, "Context", context)
    found = platform.devices(openmm.Platform.getPlatformByName("Reference"))
    assert [gpu.index for gpu in found] == [0, 1, 2]
    assert len({gpu.name for gpu in found}) == 3


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

    gpus = [Gpu(0, "a"), Gpu(1, "b")]
    monkeypatch.setattr(run, "devices", lambda _: gpus)
    properties = {"Precision": "mixed"} if name == "CUDA" else {}
    settings = SimulateSettings(jobs_per_gpu=1)
    with slots(tmp_path, gpus[:1], 1), run.on_device(Platform(), properties, settings, tmp_path) as chosen:
        assert chosen == expected
