"""The slot of a GPU that training and sampling take."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from jamun.io.gpu import Gpu, slots
from jamun.model import devices
from jamun.model.devices import gpu_slots

GPUS = [Gpu(0, "a"), Gpu(1, "b"), Gpu(2, "c")]


@pytest.fixture
def current(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Three GPUs; the list of those that were made PyTorch's current one."""
    made: list[int] = []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "set_device", made.append)
    monkeypatch.setattr(devices, "cuda_gpus", lambda: GPUS)
    return made


def test_takes_free_devices_and_computes_on_the_first(tmp_path: Path, current: list[int]) -> None:
    with slots(tmp_path, GPUS[:1], 1), gpu_slots(tmp_path, True, 1, count=2) as taken:
        assert taken == [1, 2]
    assert current == [1]


def test_takes_none_where_none_is_wanted_or_there(
    tmp_path: Path, current: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    with gpu_slots(tmp_path, False, 1) as taken:
        assert taken == []
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with gpu_slots(tmp_path, True, 1) as taken:
        assert taken == []
    assert current == []
    assert not list(tmp_path.iterdir())


def test_devices_without_nvidias_driver_are_counted_by_pytorch(
    tmp_path: Path, current: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "cuda_gpus", list)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with gpu_slots(tmp_path, True, 1), gpu_slots(tmp_path, True, 1) as second:
        assert second == [1]
