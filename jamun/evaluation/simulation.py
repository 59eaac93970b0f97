"""What one MD did in time: thermodynamics as recorded, and its torsions thinned to what a figure can show."""

import csv
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import mdtraj
import numpy as np
from scipy import constants

from jamun.evaluation.ensembles import EvaluationError
from jamun.evaluation.runs import replica_of_frames
from jamun.io.atomic import read_json, write_npz
from jamun.io.names import openable
from jamun.peptides.torsions import Torsion, compute_torsions, without_omega

# Points a torsion at most, and one more for each replica: more than these merge into one another on paper.
MOST_POINTS = 2000
_CHUNK_FRAMES = 1000
_GAS_CONSTANT = constants.R / 1000  # kJ/mol/K
_STATE = ("time_ps", "potential_kj_mol", "kinetic_kj_mol", "temperature_k", "density_g_ml")


def thinned_frames(boundaries: list[int], most: int = MOST_POINTS) -> np.ndarray:
    """Frames (P,) that are kept: every n-th of each replica from its first on, `most` and one a replica at most.

    boundaries: offsets (R+1) of the replicas in the trajectory.
    """
    stride = max(1, -(-boundaries[-1] // most))
    kept = [np.arange(start, end, stride) for start, end in pairwise(boundaries)]
    return np.concatenate(kept).astype(np.int64)


def _chunks(trajectory: Path, topology: Path) -> Iterator[mdtraj.Trajectory]:
    """Stretches of the trajectory. Raises EvaluationError for files that cannot be read or do not fit each other."""
    try:
        structure = mdtraj.load_topology(str(topology))
        # MDTraj would pass over atoms beyond those of the topology when it reads in stretches.
        with openable(trajectory) as name:
            mdtraj.load_frame(name, 0, top=structure)
            yield from mdtraj.iterload(name, chunk=_CHUNK_FRAMES, top=structure)
    except (OSError, ValueError, RuntimeError, TypeError, LookupError) as error:
        raise EvaluationError(f"{trajectory}: cannot be read with {topology} ({error}).") from None


def thinned_torsions(trajectory: Path, topology: Path, boundaries: list[int]) -> tuple[list[Torsion], np.ndarray]:
    """phi, psi and chi (K) of every residue and their angles (P, K) in radians at thinned_frames(boundaries).

    The trajectory is read in stretches, so that one of any length fits in memory. Raises EvaluationError for files that
    cannot be read, positions that are not finite, and another number of frames than `boundaries` (R+1) tell.
    """
    frames = thinned_frames(boundaries)
    torsions: list[Torsion] = []
    parts, read = [], 0
    for chunk in _chunks(trajectory, topology):
        wanted = frames[(frames >= read) & (frames < read + chunk.n_frames)] - read
        read += chunk.n_frames
        if len(wanted):
            chosen = chunk[wanted]
            if not np.isfinite(chosen.xyz).all():
                raise EvaluationError(f"{trajectory}: some positions are not finite.")
            torsions, angles = compute_torsions(chosen)
            parts.append(angles)
    if read != boundaries[-1]:
        raise EvaluationError(f"{trajectory}: {read} frames, but its record tells of {boundaries[-1]}.")
    kept = without_omega(torsions)
    return [torsions[column] for column in kept], np.concatenate(parts)[:, kept]


def read_state(path: Path) -> dict[str, np.ndarray]:
    """Columns of a state.csv, each (S,), NaN where a cell is empty; S = 0 for a table of a header only.

    Raises EvaluationError for a table that lacks a column or holds something else than numbers.
    """
    with open(path, encoding="utf-8", newline="") as handle:
        table = csv.DictReader(handle)
        absent = [name for name in _STATE if name not in (table.fieldnames or [])]
        if absent:
            raise EvaluationError(f"{path}: has no column {absent[0]}; make it again.")
        rows = list(table)
    try:
        return {name: np.array([float(row[name] or "nan") for row in rows], dtype=np.float64) for name in _STATE}
    except ValueError as error:
        raise EvaluationError(f"{path}: {error}; make it again.") from None


def degrees_of_freedom(kinetic: np.ndarray, temperature: np.ndarray) -> int:
    """Degrees of freedom that turned kinetic energies (S,) in kJ/mol into temperatures (S,) in K; 0 without rows."""
    known = np.isfinite(kinetic) & np.isfinite(temperature) & (temperature > 0)
    if not known.any():
        return 0
    return round(float(np.median(2 * kinetic[known] / (_GAS_CONSTANT * temperature[known]))))


def describe_simulation(trajectory: Path, topology: Path, state: Path, record: dict[str, Any]) -> dict[str, np.ndarray]:
    """Arrays of one MD in time, from its files and `record`, the contents of its md.json.

    Of torsions: `torsion_kind`, `torsion_residue` and `torsion_residue_name` (K,), `torsion_angles` (P, K) in radians,
    `torsion_time_ps` and `torsion_replica` (P,). Of the rows of state.csv, all of them: `state_time_ps`,
    `state_replica`, `temperature_k`, `potential_kj_mol`, `density_g_ml` (S,), NaN where there is none. Times go on from
    one replica to the next, as in the files. Scalars: `frames`, `frame_interval_ps`, `thermostat_k` (NaN where it is
    not known), `degrees_of_freedom` (0 likewise), `solvent` ("" likewise), `imported`, `peptide`. `replica_ends_ps`
    (R,): when each replica ends.

    Raises EvaluationError for files that cannot be read or contradict each other.
    """
    boundaries = [int(offset) for offset in record["boundaries"]]
    interval = float(record["production"]["frame_interval_ps"])
    frames = thinned_frames(boundaries)
    torsions, angles = thinned_torsions(trajectory, topology, boundaries)
    columns = read_state(state)
    ends = np.array(boundaries[1:], dtype=np.float64) * interval
    # A row of a replica's very end still belongs to it; times are rounded to 1e-6 ps.
    replicas = np.searchsorted(ends + 1e-3 * interval, columns["time_ps"])
    if len(replicas) and replicas.max() == len(ends):
        raise EvaluationError(f"{state}: goes on after {ends[-1]:g} ps, where the trajectory ends; make both again.")
    settings = record["settings"]
    return {
        "peptide": np.array(record["peptide"], dtype=np.str_),
        "imported": np.array(record["platform"] is None),
        "solvent": np.array(settings.get("solvent") or "", dtype=np.str_),
        "frames": np.array(boundaries[-1]),
        "frame_interval_ps": np.array(interval),
        "replica_ends_ps": ends,
        "torsion_kind": np.array([torsion.kind for torsion in torsions], dtype=np.str_),
        "torsion_residue": np.array([torsion.residue for torsion in torsions], dtype=np.int64),
        "torsion_residue_name": np.array([torsion.residue_name for torsion in torsions], dtype=np.str_),
        "torsion_angles": angles.astype(np.float32),
        "torsion_time_ps": (frames + 1) * interval,
        "torsion_replica": replica_of_frames(boundaries)[frames],
        "state_time_ps": columns["time_ps"],
        "state_replica": replicas,
        "temperature_k": columns["temperature_k"],
        "potential_kj_mol": columns["potential_kj_mol"],
        "density_g_ml": columns["density_g_ml"],
        "thermostat_k": np.array(settings.get("temperature", np.nan), dtype=np.float64),
        "degrees_of_freedom": np.array(degrees_of_freedom(columns["kinetic_kj_mol"], columns["temperature_k"])),
    }


def describe_simulation_to_file(trajectory: Path, topology: Path, state: Path, record: Path, target: Path) -> None:
    """Write describe_simulation of one peptide's MD (XTC, PDB, CSV, JSON) as NPZ. Raises EvaluationError as it does."""
    write_npz(target, describe_simulation(trajectory, topology, state, read_json(record)))
