"""The Python interface, for notebooks and scripts.

```python
import jamun

samples = jamun.sample("WF", samples=1000)
samples.plot_ramachandran()
evaluation = jamun.evaluate("md.xtc", samples, topology="peptide.pdb")
evaluation.table
```

Nothing is written to the current folder. `out` names a folder if you want to keep the files. Lengths are nm, angles
radians, times ps. F is the number of frames.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mdtraj
import numpy as np
import pandas as pd

from jamun.config import settings_for
from jamun.config.configuration import Configuration
from jamun.config.figures import FigureSettings
from jamun.io.atomic import read_json, read_npz
from jamun.io.disk import require_folder
from jamun.io.log import UserError
from jamun.io.names import openable
from jamun.io.shipped import DEFAULT_MODEL, SUFFIX, shipped_model
from jamun.io.text import shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Samples:
    """Samples of one peptide."""

    trajectory: mdtraj.Trajectory
    """All F samples, heavy atoms, nm. First samples of all chains come first; the column `chain` of `table` tells them
    apart."""
    accepted: np.ndarray
    """(F,) bool: which samples have none of the flaws that the settings reject."""
    table: pd.DataFrame
    """F rows, one for each sample. Columns: `chain`, a number; `accepted`, `broken` (a bond), `inverted` (a
    stereocentre) and `clash`, bool; and each torsion in radians, such as `phi Trp1` and `chi1 Phe2`."""
    record: dict[str, Any]
    """sampling.json: settings, counts of samples and flaws, chains, wall clock in s, versions."""
    description: dict[str, Any]
    """samples.json: torsions, and shares of samples with a flaw."""
    _histograms: dict[str, np.ndarray] = field(repr=False)
    _files: dict[str, bytes] = field(repr=False)

    def plot_ramachandran(self, settings: FigureSettings | None = None) -> Figure:
        """Draw the free energy over phi and psi, one map for each residue, in kT.

        A cross marks the structure from which sampling started.

        Args:
            settings: appearance of the figure; None for the defaults.

        Returns:
            A Matplotlib figure; axes are in degrees.
        """
        from jamun.figures.ramachandran import plot_samples

        return plot_samples(self.description, self._histograms, settings or FigureSettings())

    def save(self, folder: str | Path) -> Path:
        """Write samples.xtc, topology.pdb, flags.npz and sampling.json, as `jamun sample` does.

        Args:
            folder: where to write; it is made if needed.

        Returns:
            The folder.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self._files.items():
            (folder / name).write_bytes(content)
        return folder


@dataclass(frozen=True)
class Evaluation:
    """Samples compared with reference MD."""

    trajectory: mdtraj.Trajectory
    """The samples, heavy atoms, nm."""
    table: pd.DataFrame
    """One row for each metric; its name has the unit. Columns: `value`; `low` and `high`, the ends of its 95 %
    interval; `md_halves`, the same metric between the halves of the reference. NaN where there is no number."""
    results: dict[str, dict[str, Any]]
    """All numbers, by analysis: `comparison`, `physicality`, `msm`, `dynamics`. docs/evaluation.md defines them."""
    _arrays: dict[str, dict[str, np.ndarray]] = field(repr=False)

    @property
    def notes(self) -> list[str]:
        """Remarks on the data, one sentence each, such as an unknown wall clock."""
        return list(dict.fromkeys(note for result in self.results.values() for note in result["notes"]))

    def plot_ramachandran(self, settings: FigureSettings | None = None) -> Figure:
        """Draw the free energy over phi and psi of each residue, in kT: of the reference MD, of the MD cut to the wall
        clock of the sampler (if it is known), and of the samples.

        Args:
            settings: appearance of the figure; None for the defaults.

        Returns:
            A Matplotlib figure; axes are in degrees.
        """
        from jamun.figures.ramachandran import plot_ramachandran

        return plot_ramachandran(self.results["comparison"], self._arrays["comparison"], settings or FigureSettings())


def sample(
    molecule: str | Path | mdtraj.Trajectory,
    samples: int | None = None,
    model: str | Path = DEFAULT_MODEL,
    config: str | Path | Configuration | dict[str, Any] | None = None,
    out: str | Path | None = None,
    threads: int | None = None,
) -> Samples:
    """Sample the conformations of a peptide with a trained model.

    Args:
        molecule: a sequence in one-letter (``"WF"``) or three-letter (``"TRP-PHE"``) code; or the path of a structure
            file (PDB, mmCIF, GRO); or an MDTraj trajectory, from whose frames the chains start in turn.
        samples: number of samples; None for that of `config`, or 1,500 where it sets none.
        model: name of a shipped model (``jamun models`` lists them), or path of a checkpoint.
        config: a configuration, the path of its file, or its sections as a mapping; what it does not set is as the
            model brings it.
        out: folder that keeps the files; an interrupted sampling continues there. None keeps no files.
        threads: number of threads; None for all cores of this process.

    Returns:
        The samples, with their torsions and flaws.

    Raises:
        UserError: the molecule, the model or a setting cannot be used; the message says why.
    """
    from jamun.commands.sample import Molecule, sample_peptide, sampling_settings

    if molecule is None or model is None:
        raise UserError(f"{'molecule' if molecule is None else 'model'} is None; give one.")
    _require("molecule", molecule, str, Path, mdtraj.Trajectory)
    _require("model", model, str, Path)
    for name, count in (("samples", samples), ("threads", threads)):
        _require(name, count, Integral)
        if count is not None and count < 1:
            raise UserError(f"{name} is {count}; give a whole number from 1, or None.")
    _require_folder(out)
    settings = settings_for("sample", config)
    weights = _weights(model)
    samples = None if samples is None else int(samples)
    sampling = sampling_settings(settings, weights, samples)
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
    reference: str | Path | mdtraj.Trajectory | Samples,
    samples: str | Path | mdtraj.Trajectory | Samples,
    topology: str | Path | None = None,
    samples_topology: str | Path | None = None,
    config: str | Path | Configuration | dict[str, Any] | None = None,
    out: str | Path | None = None,
) -> Evaluation:
    """Compare samples with reference MD of the same molecule.

    Args:
        reference: the MD: an MDTraj trajectory, or the path of a file that MDTraj reads.
        samples: what `sample` returned, an MDTraj trajectory, or the path of a file that MDTraj reads.
        topology: path of a structure of the reference, such as a PDB; needed if the reference is a file.
        samples_topology: path of a structure of the samples; None for `topology`.
        config: a configuration, the path of its file, or its sections as a mapping; None for the defaults.
        out: folder that keeps results and figures; None keeps none.

    Returns:
        Every metric, with its 95 % interval and its value between the halves of the reference.

    Raises:
        UserError: a file cannot be read, or the molecules differ; the message says which.
    """
    from jamun.commands.evaluate import evaluate_to_files, main_numbers

    for name, given in (("reference", reference), ("samples", samples)):
        if given is None:
            raise UserError(f"{name} is None; give a trajectory, or the path of its file.")
    _require("reference", reference, str, Path, mdtraj.Trajectory, Samples)
    _require("samples", samples, str, Path, mdtraj.Trajectory, Samples)
    _require("topology", topology, str, Path)
    _require("samples_topology", samples_topology, str, Path)
    _require_folder(out)
    settings = settings_for("evaluate", config)
    with _folder(out) as results, tempfile.TemporaryDirectory(prefix="jamun-") as scratch:
        first, first_topology = _trajectory_files(reference, topology, Path(scratch) / "reference", "reference")
        second, second_topology = _trajectory_files(
            samples, samples_topology or topology, Path(scratch) / "samples", "samples"
        )
        evaluate_to_files(first, second, first_topology, second_topology, settings, results)
        found = {name: read_json(results / f"{name}.json") for name in _RESULTS}
        arrays = {name: read_npz(results / f"{name}.npz") for name in _RESULTS}
        trajectory = samples.trajectory if isinstance(samples, Samples) else samples
        if not isinstance(trajectory, mdtraj.Trajectory):
            from jamun.evaluation.ensembles import read_trajectory

            trajectory = read_trajectory(second, second_topology).trajectory
    table = pd.DataFrame(main_numbers(found)).set_index("metric").drop(columns="reason")
    return Evaluation(trajectory, table.astype(float), found, arrays)


_RESULTS = ("comparison", "physicality", "msm", "dynamics")


def _require(name: str, value: Any, *kinds: type) -> None:
    """Raises UserError, which says what may be given, where an argument is of no such type."""
    if value is not None and (not isinstance(value, kinds) or isinstance(value, bool)):
        words = {str: "text", Path: "a path", mdtraj.Trajectory: "an MDTraj trajectory", Samples: "what `sample` gives"}
        words[Integral] = "a whole number"
        raise UserError(f"{name} is {shown(value)}; give {' or '.join(words[kind] for kind in kinds)}.")


def _require_folder(out: str | Path | None) -> None:
    """Raises UserError where results cannot go."""
    _require("out", out, str, Path)
    if out is not None:
        require_folder(Path(out))


def _weights(model: str | Path) -> Path:
    """The file of a model: of a path, that; of a name, the one that comes with the program."""
    if isinstance(model, Path) or Path(model).suffix in (".ckpt", SUFFIX):
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
