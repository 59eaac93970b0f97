"""Built peptides and an importer, for all tests of imported trajectories."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import mdtraj
import pytest

from jamun.config.source import SourceSettings
from jamun.io.files import MdFiles
from jamun.peptides.build import build_to_files
from jamun.peptides.sequences import parse_sequence
from jamun.trajectories.run import import_to_files
from jamun.trajectories.sources import SourceFiles


@pytest.fixture(scope="session")
def built(tmp_path_factory) -> Callable[[str, str], Path]:
    """The PDB of a peptide, built once for the session."""
    folder = tmp_path_factory.mktemp("built")

    def build(letters: str, form: str = "capped") -> Path:
        pdb = folder / f"{letters}_{form}.pdb"
        if not pdb.exists():
            build_to_files(parse_sequence(letters), form, 7.0, pdb, pdb.with_suffix(".json"))
        return pdb

    return build


@pytest.fixture
def imported(tmp_path) -> Callable[..., SimpleNamespace]:
    """Import files of a peptide: its trajectory as MDTraj reads it, and its record."""

    def run(pdb: Path, topology: Path, *trajectories: Path, **settings) -> SimpleNamespace:
        out = tmp_path / "md"
        interval = settings.pop("table_interval", None)
        files = MdFiles.in_folder(out)
        import_to_files(
            pdb,
            "peptide",
            SourceFiles(topology, trajectories, interval),
            SourceSettings(**({"kind": "files", "table": "table.csv"} | settings)),
            files,
            tmp_path / "work" / "peptide",
        )
        loaded = mdtraj.load(str(files.trajectory), top=str(files.topology))
        return SimpleNamespace(
            trajectory=loaded,
            record=json.loads(files.record.read_text()),
            state=files.state.read_text(),
            work=tmp_path / "work" / "peptide",
            out=out,
        )

    return run
