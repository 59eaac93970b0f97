"""Settings of the molecular dynamics."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints, field_validator, model_validator

from jamun.config.base import Quantity, Section, Seed
from jamun.config.forcefields import FORCE_FIELDS
from jamun.io.text import shown

# Above this, bonds to hydrogen of ordinary mass make LangevinMiddle integration inaccurate even when constrained.
LARGEST_STEP_FS = 2.5
HEAVY_HYDROGEN_AMU = 2.5
# OpenMM's platforms that run on a GPU.
GPU_PLATFORMS = ("CUDA", "OpenCL")
# Of 20 heavy atoms these are 24 GB of features.
MOST_FRAMES = 100_000_000

Start = Annotated[
    str,
    StringConstraints(pattern=r"^(built|random|(extended|alpha|beta|ppii|left-handed)( (gauche\+|trans|gauche-))?)$"),
]


class EquilibrationStage(Section):
    """One stage between minimisation and production."""

    ensemble: Literal["NVT", "NPT"]
    """With (NPT) or without (NVT) a barostat."""
    duration: Annotated[float, Quantity("ps", gt=0, le=1e9)]
    """Length of the stage."""
    restrained: bool = False
    """Hold the heavy atoms of the peptide, caps included, by harmonic restraints."""
    temperature: Annotated[float, Quantity("K", gt=0, le=1000)] | None = None
    """Temperature of the stage. null: that of the production. A hot stage before cooler ones lets each replica forget
    its start."""


def _paper_equilibration() -> list[EquilibrationStage]:
    return [
        EquilibrationStage(ensemble="NVT", duration=300.0, restrained=True),
        EquilibrationStage(ensemble="NPT", duration=300.0, restrained=True),
        EquilibrationStage(ensemble="NVT", duration=500.0),
    ]


class SimulateSettings(Section):
    """Molecular dynamics of each peptide with OpenMM. The defaults are those of the paper's capped set and its public
    code."""

    renamed: ClassVar[dict[str, str]] = {"together": "batched"}

    solvent: Literal["explicit", "implicit"] = "explicit"
    """`explicit`: TIP3P water. `implicit`: generalised Born (OBC)."""
    forcefield: str = Field("amber99sbildn", json_schema_extra={"enum": list(FORCE_FIELDS)})
    """Force field of the peptide: `amber99sbildn` (in implicit solvent with OBC2) or `amber14` (ff14SB; with OBC1)."""
    padding: Annotated[float, Quantity("nm", gt=0, le=5)] = 1.0
    """Smallest distance between the peptide and its periodic copies (OpenMM's padding); explicit solvent only."""
    box: Literal["cube", "dodecahedron", "octahedron"] = "cube"
    """Shape of the periodic box; explicit solvent only."""
    ionic_strength: Annotated[float, Quantity("M", ge=0, le=2)] = 0.0
    """NaCl in addition to the ions that neutralise the peptide; explicit solvent only."""
    cutoff: Annotated[float, Quantity("nm", gt=0.3, le=3)] = 0.85
    """Direct-space cutoff of PME; explicit solvent only."""
    switch_distance: Annotated[float, Quantity("nm", ge=0, le=3)] = 0.8
    """Distance at which the Lennard-Jones switching function starts; 0 turns it off; explicit solvent only."""
    temperature: Annotated[float, Quantity("K", gt=0, le=1000)] = 300.0
    """Temperature of the thermostat."""
    pressure: Annotated[float, Quantity("bar", gt=0, le=10000)] = 1.0
    """Pressure of the barostat in NPT stages."""
    friction: Annotated[float, Quantity("1/ps", gt=0, le=100)] = 1.0
    """Friction of LangevinMiddle, per unit of time."""
    timestep: Annotated[float, Quantity("fs", gt=0, le=5)] = 2.0
    """Integration step; bonds to hydrogen are constrained."""
    hydrogen_mass: Annotated[float, Quantity("amu", ge=1, le=4)] | None = None
    """Mass of a hydrogen; the difference is taken from its heavy atom. null: 1.008. Time steps above 2.5 fs need 3 amu
    or more."""
    minimize_tolerance: Annotated[float, Quantity("kJ/mol/nm", gt=0, le=1e6)] = 10.0
    """Force tolerance of the minimisation."""
    restraint_constant: Annotated[float, Quantity("kJ/mol/nm^2", gt=0, le=1e9)] = 1000.0
    """Spring constant k of the restraints k/2 |r - r0|^2."""
    equilibration: list[EquilibrationStage] = Field(default_factory=_paper_equilibration)
    """Stages between minimisation and production, in order."""
    ensemble: Literal["NVT", "NPT"] = "NPT"
    """Ensemble of the production."""
    production: Annotated[float, Quantity("ps", gt=0, le=1e9)] = 20000.0
    """Length of the production."""
    frame_interval: Annotated[float, Quantity("ps", gt=0, le=1e6)] = 2.0
    """Time between stored frames."""
    platform: Literal["auto", "CUDA", "OpenCL", "CPU", "Reference"] = "auto"
    """OpenMM platform. `auto`: the fastest that is present, in this order: CUDA, OpenCL, Reference (implicit solvent),
    CPU."""
    precision: Literal["single", "mixed", "double"] = "mixed"
    """Precision on CUDA and OpenCL."""
    jobs_per_gpu: int = Field(1, ge=1, le=64)
    """Number of simulations that share a GPU of one machine. Further ones wait for a free place."""
    seed: Seed = 0
    """Random seed. Each peptide derives its own from it and from its name."""
    replicas: int = Field(1, ge=1, le=100)
    """Independent simulations of each peptide, each of the full length; one after another, or all at once if
    `batched`."""
    batched: bool = False
    """Simulate many replicas of many peptides as one OpenMM system, far apart from each other. Small peptides do not
    fill a GPU, so this is many times faster there. In explicit solvent they share a box of water, and each is tethered
    at one atom. Their settings must agree, except `replicas` and `starts`."""
    peptides_per_box: int = Field(220, ge=1, le=10000)
    """Largest number of simulations in a box of water; for `batched` in explicit solvent. Each box is a job and can
    have a GPU of its own."""
    starts: list[Start] = Field(["built"], min_length=1)
    """Conformations in which the replicas start, in turn. `built`: as built. `extended`, `alpha`, `beta`, `ppii`,
    `left-handed`: phi and psi of the backbone. `alpha gauche+`, `beta trans`, ...: also chi1. `random`: a conformation
    and a rotamer drawn for each residue and replica."""
    checkpoint_interval: Annotated[float, Quantity("s", gt=0, le=3600)] = 60.0
    """Wall-clock time between saved states. A stopped simulation continues from the last one."""

    @field_validator("forcefield")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in FORCE_FIELDS:
            raise ValueError(f"{shown(name)} is not a known force field; give one of {', '.join(FORCE_FIELDS)}")
        return name

    @model_validator(mode="after")
    def _possible(self) -> "SimulateSettings":
        if self.timestep > LARGEST_STEP_FS and (self.hydrogen_mass or 0.0) < HEAVY_HYDROGEN_AMU:
            raise ValueError(
                f"timestep {self.timestep:g} fs needs heavy hydrogens: set hydrogen_mass to 3 amu or more, "
                f"or timestep to {LARGEST_STEP_FS:g} fs or less"
            )
        if self.solvent == "implicit":
            if self.ensemble == "NPT" or any(stage.ensemble == "NPT" for stage in self.equilibration):
                raise ValueError("implicit solvent has no box, so no NPT: set ensemble and every stage to NVT")
            if self.ionic_strength:
                raise ValueError("ionic_strength applies to explicit solvent only: set it to 0")
        elif self.switch_distance >= self.cutoff:
            raise ValueError(
                f"switch_distance {self.switch_distance:g} nm must lie below cutoff {self.cutoff:g} nm (0 turns it off)"
            )
        if self.solvent == "explicit" and self.batched:
            if self.ensemble != "NVT":
                raise ValueError("batched in explicit solvent produces at constant volume: set ensemble to NVT")
            if not any(stage.ensemble == "NPT" for stage in self.equilibration):
                raise ValueError(
                    "batched in explicit solvent needs a stage that brings the box to its density: add one with "
                    "ensemble NPT to equilibration"
                )
        if self.n_frames * self.replicas > MOST_FRAMES:
            raise ValueError(
                f"production {self.production:g} ps with a frame every {self.frame_interval:g} ps is more than "
                f"{MOST_FRAMES} frames a peptide: raise frame_interval"
            )
        if self.frame_interval > self.production:
            raise ValueError(f"frame_interval {self.frame_interval:g} ps is longer than the production")
        for name, duration in (("frame_interval", self.frame_interval), ("production", self.production)):
            unit = self.timestep * 1e-3 if name == "frame_interval" else self.frame_interval
            if abs(duration / unit - round(duration / unit)) > 1e-6:
                raise ValueError(
                    f"{name} {duration:g} ps must be a whole number of "
                    f"{'timesteps' if name == 'frame_interval' else 'frame intervals'} ({unit:g} ps)"
                )
        return self

    @property
    def gpus(self) -> int:
        """GPUs that a job asks for: one on a platform that needs it."""
        return int(self.platform in GPU_PLATFORMS)

    @property
    def steps_per_frame(self) -> int:
        """Integration steps between stored frames."""
        return round(self.frame_interval / (self.timestep * 1e-3))

    @property
    def n_frames(self) -> int:
        """Frames of the production."""
        return round(self.production / self.frame_interval)
