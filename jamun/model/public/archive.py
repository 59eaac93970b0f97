"""The tensors in a file of torch.save, read without torch.load: as numbers, whatever device they were on."""

import math
import zipfile
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from torch import Tensor

from jamun.io.pickles import LARGEST_PICKLE, Global, Made, PickleError, read_pickle

_STORAGES = {
    "DoubleStorage": torch.float64, "FloatStorage": torch.float32, "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16, "LongStorage": torch.int64, "IntStorage": torch.int32,
    "ShortStorage": torch.int16, "CharStorage": torch.int8, "ByteStorage": torch.uint8, "BoolStorage": torch.bool,
}  # fmt: skip
_REBUILD = Global("torch._utils", "_rebuild_tensor_v2")
_REBUILD_PARAMETER = Global("torch._utils", "_rebuild_parameter")
_MOST_ENTRIES, _MOST_DIMENSIONS = 100_000, 8


class ArchiveError(ValueError):
    """A file that torch.save has not written as it now does, or that is damaged."""


class TorchArchive:
    """A file of torch.save.

    content: what it holds, plain data with names and calls that were not made (jamun.io.pickles).
    """

    def __init__(self, path: Path) -> None:
        """Read and check all but the tensors. Raises ArchiveError, OSError."""
        with open(path, "rb") as file:
            if file.read(4) != b"PK\x03\x04":
                raise ArchiveError("it is no zip archive, as torch.save writes since PyTorch 1.6")
        self.path = path
        try:
            with zipfile.ZipFile(path) as archive:
                self._check(archive.infolist())
                names = archive.namelist()
                self.top = next(name for name in names if name.endswith("/data.pkl")).removesuffix("data.pkl")
                order = f"{self.top}byteorder"
                if order in names and archive.read(order) != b"little":
                    raise ArchiveError("its numbers are not little-endian")
                self.sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
                if self.sizes[f"{self.top}data.pkl"] > LARGEST_PICKLE:
                    raise ArchiveError("its data.pkl is larger than a checkpoint's")
                self.content = read_pickle(archive.read(f"{self.top}data.pkl"))
        except PickleError as error:
            raise ArchiveError(f"its data.pkl is {error}") from None
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OverflowError) as error:
            raise ArchiveError(f"it is a damaged zip archive ({' '.join(str(error).split())[:80]})") from None

    def _check(self, entries: list[zipfile.ZipInfo]) -> None:
        """Raise ArchiveError for entries that torch.save does not make."""
        names = [entry.filename for entry in entries]
        if len(entries) > _MOST_ENTRIES or len(set(names)) < len(names):
            raise ArchiveError("its entries are too many, or share a name")
        for entry in entries:
            parts = PurePosixPath(entry.filename).parts
            if ".." in parts or entry.filename.startswith("/") or "\\" in entry.filename or ":" in entry.filename:
                raise ArchiveError("an entry's name leads out of the archive")
            if entry.compress_type != zipfile.ZIP_STORED or entry.compress_size != entry.file_size:
                raise ArchiveError("an entry is compressed, which torch.save does not do")
        if sum(entry.file_size for entry in entries) > self.path.stat().st_size:
            raise ArchiveError("its entries claim more bytes than the file has")
        if sum(name.endswith("/data.pkl") for name in names) != 1:
            raise ArchiveError("it has not one data.pkl")

    def tensors(self, described: Mapping[str, Any]) -> dict[str, Tensor]:
        """The tensors that these places in `content` describe, by the same keys. Raises ArchiveError for what is no
        tensor, or is not all there."""
        try:
            with zipfile.ZipFile(self.path) as archive:
                return {key: self._tensor(archive, value) for key, value in described.items()}
        except (zipfile.BadZipFile, EOFError) as error:
            raise ArchiveError(f"it is a damaged zip archive ({' '.join(str(error).split())[:80]})") from None

    def _tensor(self, archive: zipfile.ZipFile, described: Any) -> Tensor:
        if isinstance(described, Made) and described.by == _REBUILD_PARAMETER:
            described = described.arguments[0] if described.arguments else None
        try:
            if not isinstance(described, Made) or described.by != _REBUILD:
                raise TypeError
            stored, offset, size, stride = described.arguments[:4]
            kind, storage, number, _, count = stored.identity  # and the device, which does not matter
            if kind != "storage" or storage.module != "torch" or not (number.isdecimal() and number.isascii()):
                raise TypeError
            dtype = _STORAGES[storage.name]
            if not all(type(value) is int and value >= 0 for value in (offset, count, *size, *stride)):
                raise TypeError
            if len(size) != len(stride) or len(size) > _MOST_DIMENSIONS:
                raise TypeError
        except (TypeError, ValueError, KeyError, AttributeError, IndexError):
            raise ArchiveError("a weight is no tensor as torch.save describes it") from None
        last = offset + sum((length - 1) * step for length, step in zip(size, stride, strict=True))
        if math.prod(size) > count or (math.prod(size) and last >= count):
            raise ArchiveError("a tensor is larger than what is stored of it")
        name = f"{self.top}data/{number}"
        if self.sizes.get(name) != count * dtype.itemsize:
            raise ArchiveError("a tensor's numbers are missing or cut off")
        if not count:
            return torch.empty(size, dtype=dtype)
        numbers = torch.frombuffer(bytearray(archive.read(name)), dtype=dtype)
        return torch.as_strided(numbers, size, stride, offset).clone()
