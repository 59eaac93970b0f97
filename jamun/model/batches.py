"""What a training learns from, and batches of its frames as pure functions of their number.

Batch number i depends on the seed and i alone, so training can stop anywhere and go on with the same data, and several
processes can share one stream by taking turns. Nothing of the size of the data is held in memory: the order of frames
is a keyed permutation that is computed where it is needed, and positions are read a frame at a time.

Peptides are sorted by size into buckets in which the largest has at most a quarter more atoms than the smallest. A
batch mixes the peptides of one bucket at random, padded to the bucket's largest, so that little is computed on padding
and a gradient still averages over peptides.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from jamun.data.store import FeatureFile
from jamun.io.log import UserError
from jamun.io.seeds import derived_seed
from jamun.model.conditioning import Conditioning
from jamun.model.network import Conditioned

# Within a bucket, the most atoms over the fewest.
BUCKET_RATIO = 1.25


class TrainingError(UserError):
    """Training that cannot start or go on."""


@dataclass(frozen=True)
class TrainingData:
    """Frames of both splits.

    train, validation: features files, one a peptide.
    mean_squared_distance: of pairs of atoms in the training frames, nm^2.
    weights: how often each frame of a peptide comes, (F,) by the peptide's name; None for all alike.
    """

    train: list[FeatureFile]
    validation: list[FeatureFile]
    mean_squared_distance: float
    weights: dict[str, np.ndarray] | None = None


def permuted(index: np.ndarray, size: int, seed: int) -> np.ndarray:
    """Where a random permutation of range(`size`), chosen by `seed`, takes each of `index`; memory for `index` only.

    A Feistel network of four rounds permutes the next power of four; results outside the range are sent through it
    again until they fall inside, which keeps it a permutation.
    """
    half = max(1, ((max(size, 2) - 1).bit_length() + 1) // 2)
    mask = np.uint64((1 << half) - 1)
    keys = np.random.SeedSequence(seed).generate_state(4, np.uint64)
    value = np.asarray(index, dtype=np.uint64).copy()
    pending = np.ones(value.shape, dtype=bool)
    while pending.any():
        left, right = value[pending] >> np.uint64(half), value[pending] & mask
        for key in keys:
            mixed = (right + key) * np.uint64(0x9E3779B97F4A7C15)
            mixed = (mixed ^ (mixed >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
            left, right = right, left ^ ((mixed ^ (mixed >> np.uint64(32))) & mask)
        value[pending] = (left << np.uint64(half)) | right
        pending = value >= size
    return value.astype(np.int64)


@dataclass
class Batch:
    """Clean frames.

    positions: (G, N, 3) float32 in nm, zero on padding.
    conditioning: what they are of.
    number: of the batch.
    weights: (G, N) float32, what each atom counts in the loss; None where all count alike.
    """

    positions: Tensor
    conditioning: Conditioned
    number: int
    weights: Tensor | None = None

    def to(self, device: torch.device | str, **_: object) -> "Batch":
        """The same on `device`."""
        weights = None if self.weights is None else self.weights.to(device)
        return Batch(self.positions.to(device), self.conditioning.to(device), self.number, weights)


class _Bucket:
    """Peptides of similar size, their frames numbered through."""

    def __init__(
        self,
        files: list[FeatureFile],
        weights: Mapping[str, np.ndarray] | None = None,
        conditioning: type[Conditioned] = Conditioning,
    ) -> None:
        self.files = files
        self.ends = None  # of the stretches, as long as the frames' weights, into which [0, 1) is divided
        if weights is not None:
            ends = np.cumsum(np.concatenate([weights[file.peptide] for file in files]), dtype=np.float64)
            self.ends = ends / ends[-1]
        self.offsets = np.cumsum([0] + [file.n_frames for file in files])
        self.conditioning = conditioning.batch([conditioning.from_molecule(file.molecule) for file in files])

    @property
    def n_frames(self) -> int:
        return int(self.offsets[-1])

    def drawn(self, places: np.ndarray, shift: float) -> np.ndarray:
        """The frames at these of `n_frames` places of an epoch: one place for each frame, or as many as its weight says
        (systematic resampling: its weight over the mean, rounded up or down as `shift`, in [0, 1), decides)."""
        if self.ends is None:
            return places
        return np.searchsorted(self.ends, (places + shift) / self.n_frames, side="right").clip(max=self.n_frames - 1)

    def read(self, frames: np.ndarray, number: int) -> Batch:
        """The frames with these numbers."""
        owner = np.searchsorted(self.offsets, frames, side="right") - 1
        positions = np.zeros((len(frames), self.conditioning.mask.shape[1], 3), dtype=np.float32)
        weights = np.zeros(positions.shape[:2], dtype=np.float32) if any(file.weighted for file in self.files) else None
        for place in np.unique(owner):
            rows = np.flatnonzero(owner == place)
            file, chosen = self.files[place], frames[rows] - self.offsets[place]
            positions[rows, : file.molecule.n_atoms] = file.read(chosen)
            if weights is not None:
                weights[rows, : file.molecule.n_atoms] = file.read_weights(chosen)
        return Batch(
            torch.from_numpy(positions),
            self.conditioning.select(torch.from_numpy(owner)),
            number,
            None if weights is None else torch.from_numpy(weights),
        )


def _buckets(
    files: list[FeatureFile], weights: Mapping[str, np.ndarray] | None, conditioning: type[Conditioned]
) -> list[_Bucket]:
    groups: list[list[FeatureFile]] = []
    for file in sorted(files, key=lambda file: (file.molecule.n_atoms, file.peptide)):
        if groups and file.molecule.n_atoms <= BUCKET_RATIO * groups[-1][0].molecule.n_atoms:
            groups[-1].append(file)
        else:
            groups.append([file])
    return [_Bucket(group, weights, conditioning) for group in groups]


class TrainingBatches:
    """The endless stream of training batches; ``batches[i]`` is batch number i.

    An epoch has `per_epoch` batches of `size` frames each, every frame at most once; what does not fill a batch of its
    bucket waits for the next epoch's other order. A bucket with fewer frames than a batch gives one batch an epoch, in
    which frames repeat. With `weights`, (F,) by the peptide's name, a frame comes as often in an epoch as its weight
    over the bucket's mean says: a gradient is then of the weighted frames, with less noise than weights in the loss
    would leave in it, where many frames of a batch count next to nothing.
    """

    def __init__(
        self,
        files: list[FeatureFile],
        size: int,
        seed: int,
        weights: Mapping[str, np.ndarray] | None = None,
        conditioning: type[Conditioned] = Conditioning,
    ) -> None:
        self.size, self.seed = size, seed
        self.buckets = _buckets(files, weights, conditioning)
        counts = [max(1, bucket.n_frames // size) for bucket in self.buckets]
        self.starts = np.cumsum([0, *counts])

    @property
    def per_epoch(self) -> int:
        return int(self.starts[-1])

    def __getitem__(self, number: int) -> Batch:
        epoch, place = divmod(number, self.per_epoch)
        slot = int(permuted(np.array([place]), self.per_epoch, derived_seed(self.seed, "batches", epoch))[0])
        index = int(np.searchsorted(self.starts, slot, side="right")) - 1
        bucket = self.buckets[index]
        wanted = ((slot - self.starts[index]) * self.size + np.arange(self.size)) % bucket.n_frames
        seed = derived_seed(self.seed, "frames", epoch, index)
        places = permuted(wanted, bucket.n_frames, seed)
        return bucket.read(bucket.drawn(places, float(np.random.default_rng(seed).random())), number)


def validation_batches(
    files: list[FeatureFile], frames: int, size: int, conditioning: type[Conditioned] = Conditioning
) -> list[Callable[[], Batch]]:
    """Batches, read when called, of about `frames` frames spread evenly over the peptides and along each trajectory.

    Each is of one peptide, so without padding. The same at every call.
    """
    share = max(1, frames // max(len(files), 1))
    makers: list[Callable[[], Batch]] = []
    for file in files:
        bucket = _Bucket([file], conditioning=conditioning)
        chosen = np.unique(np.linspace(0, file.n_frames - 1, min(share, file.n_frames)).round().astype(np.int64))
        for start in range(0, len(chosen), size):
            part = chosen[start : start + size]
            makers.append(partial(bucket.read, part, len(makers)))
    return makers


class Stream(IterableDataset[Any]):
    """Batches `first()`, `first()` + 1, ... of one of several processes that take turns, until `stop`.

    Several readers of a DataLoader take turns within that: they are asked in turn, so the order is the same.
    """

    def __init__(
        self, batches: Callable[[int], Batch], first: Callable[[], int], rank: int, processes: int, stop: int | None
    ) -> None:
        super().__init__()
        self.batches, self.first, self.rank, self.processes, self.stop = batches, first, rank, processes, stop

    def __iter__(self) -> Iterator[Batch]:
        reader = get_worker_info()
        place, readers = (0, 1) if reader is None else (reader.id, reader.num_workers)
        turn = self.first() + place
        while (number := turn * self.processes + self.rank) < (self.stop if self.stop is not None else number + 1):
            yield self.batches(number)
            turn += readers
