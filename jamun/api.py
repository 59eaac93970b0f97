"""The Python interface: samples and evaluations as objects, in a notebook or a script.

```python
import jamun

samples = jamun.sample("WF", samples=1000)
samples.plot_ramachandran()
evaluation = jamun.evaluate("md.xtc", samples, topology="peptide.pdb")
evaluation.table
```

Nothing is written to the current folder: files are made in a temporary one, and kept where `out` names a folder.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mdtraj
import numpy as np
import pandas as pd

from jamun.config import load
from jamun.config.configuration import Configuration
from jamun.config.figures import FigureSettings
from jamun.io.atomic import read_json, read_npz
from jamun.io.log import UserError
from jamun.io.names import openable
from jamun.io.shipped import DEFAULT_MODEL, shipped_model

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_MODEL_SUFFIX = ".safetensors"


@dataclass(frozen=True)
class Samples:
    """Samples of one peptide."""

    trajectory: mdtraj.Trajectory
    """All samples, heavy atoms, nm; chain after chain."""
    accepted: np.ndarray
    """(F,) bool: which samples count."""
    table: pd.DataFrame
    """A row a sample: its chain, whether it is accepted, its flaws, and every torsion in radians."""
    record: dict[str, Any]
    """sampling.json: settings, counts, chains, wall clock, provenance."""
    description: dict[str, Any]
    """samples.json: torsions and geometry of the samples."""
    _histograms: dict[str, np.ndarray] = field(repr=False)
    _files: dict[str, bytes] = field(repr=False)

    def plot_ramachandran(self, settings: FigureSettings | None = None) -> Figure:
        """Free energy over phi and psi, a map a residue; a cross marks the structure that the chains started from."""
        from jamun.figures.ramachandran import plot_samples

        return plot_samples(self.description, self._histograms, settings or FigureSettings())

    def save(self, folder: str | Path) -> Path:
        """Write samples.xtc, topology.pdb, flags.npz and sampling.json, as `jamun sample` does; returns the folder."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self._files.items():
            (folder / name).write_bytes(content)
        return folder


@dataclass(frozen=True)
class Evaluation:
    """Samples held against reference MD."""

    trajectory: mdtraj.Trajectory
    """The samples, heavy atoms, nm."""
    table: pd.DataFrame
    """A row a metric: its value, the ends of its 95 % interval, and the value between halves of the reference."""
    results: dict[str, dict[str, Any]]
    """comparison, physicality, msm and dynamics: every number, as `jamun evaluate` writes them."""
    _arrays: dict[str, dict[str, np.ndarray]] = field(repr=False)

    @property
    def notes(self) -> list[str]:
        """What was noticed on the way."""
        return list(dict.fromkeys(note for result in self.results.values() for note in result["notes"]))

    def plot_ramachandran(self, settings: FigureSettings | None = None) -> Figure:
        """Free energy over phi and psi of all MD, of MD cut to the sampler's wall clock, and of the samples."""
        from jamun.figures.ramachandran import plot_ramachandran

        return plot_ramachandran(self.results["comparison"], self._arrays["comparison"], settings or FigureSettings())


def sample(
    molecule: str | Path | mdtraj.Trajectory,
    samples: int | None = None,
    model: str | Path = DEFAULT_MODEL,
    config: str | Path | Configuration | None = None,
    out: str | Path | None = None,
    threads: int | None = None,
) -> Samples:
    """Sample a peptide by walk-jump sampling with a trained denoiser.

    Args:
        molecule: a sequence in one-letter (``"WF"``) or three-letter (``"TRP-PHE"``) code, the path of a structure
            file, or an MDTraj trajectory whose frames chains start from in turn.
        samples: how many; None for what `config` says, and 1,500 without one.
        model: the name of a model that comes with the program (``jamun models`` lists them), or the path of a
            checkpoint.
        config: a configuration or its file; without it, the settings that the model brings.
        out: folder that keeps the files; there a sampling that was interrupted goes on. Without it none are kept.
        threads: threads to use; None for all cores of this process.

    Raises:
        UserError: a molecule, a model or a setting that cannot be used, in one sentence.
    """
    from jamun.commands.sample import Molecule, sample_peptide, sampling_settings

    settings = _settings(config)
    weights = _weights(model)
    sampling = sampling_settings(settings, weights, samples, of_the_model=config is None)
    with _folder(out) as folder:
        if isinstance(molecule, mdtraj.Trajectory):
            start = folder / "start.pdb"
            folder.mkdir(parents=True, exist_ok=True)
            molecule.save_pdb(str(start))
            chosen = Molecule.from_structures([start])
        elif isinstance(molecule, Path) or Path(molecule).suffix:
            chosen = Molecule.from_structures([Path(molecule)])
        else:
            chosen = Molecule.from_sequence(molecule, settings, sampling, folder)
        return _read_samples(sample_peptide(chosen, weights, sampling, settings, folder, threads))


def evaluate(
    reference: str | Path | mdtraj.Trajectory,
    samples: str | Path | mdtraj.Trajectory | Samples,
    topology: str | Path | None = None,
    samples_topology: str | Path | None = None,
    config: str | Path | Configuration | None = None,
    out: str | Path | None = None,
) -> Evaluation:
    """Evaluate samples against reference MD of the same molecule.

    Args:
        reference: the MD: a file in any format that MDTraj reads, or an MDTraj trajectory.
        samples: what `sample` returned, a file or an MDTraj trajectory.
        topology: structure of the reference, such as a PDB; needed where the reference is a file.
        samples_topology: structure of the samples, where they are a file and it is another than `topology`.
        config: a configuration or its file; without it, the defaults.
        out: folder that keeps results and figures; without it none are kept.

    Raises:
        UserError: files that cannot be read, or are of two molecules, in one sentence.
    """
    from jamun.commands.evaluate import evaluate_to_files, main_numbers

    with _folder(out) as results, tempfile.TemporaryDirectory(prefix="jamun-") as scratch:
        first, first_topology = _trajectory_files(reference, topology, Path(scratch) / "reference", "reference")
        second, second_topology = _trajectory_files(
            samples, samples_topology or topology, Path(scratch) / "samples", "samples"
        )
        evaluate_to_files(first, second, first_topology, second_topology, _settings(config), results)
        found = {name: read_json(results / f"{name}.json") for name in _RESULTS}
        arrays = {name: read_npz(results / f"{name}.npz") for name in _RESULTS}
        trajectory = samples.trajectory if isinstance(samples, Samples) else samples
        if not isinstance(trajectory, mdtraj.Trajectory):
            from jamun.evaluation.ensembles import load_heavy

            trajectory = load_heavy(second, second_topology)
    columns = ["metric", "value", "low", "high", "md_halves"]
    table = pd.DataFrame(main_numbers(found), columns=columns).set_index("metric")
    return Evaluation(trajectory, table.astype(float), found, arrays)


_RESULTS = ("comparison", "physicality", "msm", "dynamics")


def _settings(config: str | Path | Configuration | None) -> Configuration:
    if isinstance(config, Configuration):
        return config
    return Configuration() if config is None else load(config)


def _weights(model: str | Path) -> Path:
    """The file of a model: of a path, that; of a name, the one that comes with the program."""
    if isinstance(model, Path) or Path(model).suffix in (".ckpt", _MODEL_SUFFIX):
        return Path(model)
    return shipped_model(model).weights


@contextlib.contextmanager
def _folder(out: str | Path | None) -> Iterator[Path]:
    """`out`, or a folder that lives as long as the context."""
    if out is not None:
        yield Path(out)
        return
    with tempfile.TemporaryDirectory(prefix="jamun-") as folder:
        # A name that results may show.
        yield Path(folder) / "samples"


def _read_samples(files: Any) -> Samples:
    """What `sample_peptide` left in its folder."""
    from jamun.evaluation.ensembles import frame_chains
    from jamun.peptides.torsions import compute_torsions

    with openable(files.samples) as name:
        trajectory = mdtraj.load(name, top=str(files.topology))
    flags = read_npz(files.flags)
    torsions, angles = compute_torsions(trajectory)
    table = pd.DataFrame({"chain": frame_chains(files.samples, trajectory.n_frames), **flags})
    for column, torsion in enumerate(torsions):
        table[f"{torsion.kind} {torsion.residue_name.capitalize()}{torsion.residue}"] = angles[:, column]
    kept = {path.name: path.read_bytes() for path in (files.samples, files.topology, files.flags, files.record)}
    return Samples(
        trajectory,
        flags["accepted"],
        table,
        read_json(files.record),
        read_json(files.description),
        read_npz(files.histograms),
        kept,
    )


def _trajectory_files(
    given: str | Path | mdtraj.Trajectory | Samples, topology: str | Path | None, scratch: Path, what: str
) -> tuple[Path, Path]:
    """Files of a trajectory and its topology: its own, or such as hold it in `scratch`."""
    if isinstance(given, Samples):
        folder = given.save(scratch)
        return folder / "samples.xtc", folder / "topology.pdb"
    if isinstance(given, mdtraj.Trajectory):
        scratch.mkdir(parents=True)
        # TRR keeps positions as they are, and times.
        given.save_trr(str(scratch / f"{what}.trr"))
        given[0].save_pdb(str(scratch / "topology.pdb"))
        return scratch / f"{what}.trr", scratch / "topology.pdb"
    if topology is None:
        raise UserError(f"{given}: give `topology`, a structure of the {what}, such as a PDB file")
    return Path(given), Path(topology)
