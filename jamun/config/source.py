"""Settings of where a dataset's molecular dynamics comes from."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from jamun.config.base import Quantity, Section


class SourceSettings(Section):
    """Where the molecular dynamics comes from, `NAME` being the name of a peptide in the splits:
    `simulation` makes it here from the sequences;
    `files` reads what the CSV file `table` lists;
    `timewarp` reads NAME-traj-state0.pdb and NAME-traj-arrays.npz in `folder`;
    `mdgen` reads NAME/NAME.pdb and NAME/NAME.xtc in `folder`;
    `manypeptides` reads pdbs/test/NAME.pdb and trajectories_subsampled/test/4AA/NAME_subsampled.npz in `folder` (or
    `val` in place of `test`, and the number of residues in place of 4);
    `none` has no MD: test peptides are sampled with checkpoints, and samples are described alone."""

    kind: Literal["simulation", "timewarp", "mdgen", "manypeptides", "files", "none"] = "simulation"
    """`simulation`: MD is made here. `none`: there is no MD. Other kinds import MD."""
    folder: str | None = None
    """Folder of the trajectories, for `timewarp`, `mdgen` and `manypeptides`."""
    table: str | None = None
    """For `files`: a CSV file with the columns peptide, topology, trajectory (replicas separated by `;`) and,
    optionally, frame_interval_ps and bias. Paths are relative to the table."""
    frame_interval: Annotated[float, Quantity("ps", gt=0, le=1e6)] | None = None
    """Time between frames. null: the times in the files. NPZ without times and DCD need it. For `timewarp`, only frames
    at multiples of it are kept if the files tell times."""
    stride: int = Field(1, ge=1, le=1_000_000)
    """Keep every n-th frame of each file."""
    length_unit: Literal["nm", "angstrom"] = "nm"
    """Unit of positions as MDTraj reads them; for NPZ, as they are stored."""
    seconds_per_frame: Annotated[float, Quantity("s", gt=0, le=1e6)] | None = None
    """Wall clock of the MD for each frame of the files. null: not known, so nothing is compared at equal wall clock."""

    @model_validator(mode="after")
    def _possible(self) -> "SourceSettings":
        if not self.imported:
            given = sorted(name for name in self.model_fields_set - {"kind"} if getattr(self, name) is not None)
            differing = [name for name in given if getattr(self, name) != type(self).model_fields[name].default]
            if differing:
                raise ValueError(
                    f"{differing[0]} applies to imported trajectories only: leave it out, or set kind to timewarp, "
                    "mdgen, manypeptides or files"
                )
            return self
        needed, other = ("table", "folder") if self.kind == "files" else ("folder", "table")
        if not getattr(self, needed):
            raise ValueError(f"kind {self.kind} needs {needed}: give its path")
        if getattr(self, other) is not None:
            raise ValueError(f"kind {self.kind} reads {needed}, not {other}: leave {other} out")
        if self.kind in ("timewarp", "manypeptides") and self.frame_interval is None:
            raise ValueError(f"kind {self.kind} needs frame_interval: give the time between the frames to keep")
        return self

    @property
    def imported(self) -> bool:
        """Whether the trajectories come from files."""
        return self.kind not in ("simulation", "none")

    @property
    def exists(self) -> bool:
        """Whether there is MD at all."""
        return self.kind != "none"
