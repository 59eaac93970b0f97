"""Settings of walk-jump sampling."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from jamun.config.base import LARGEST_SEED, Quantity, Section

Reason = Literal["broken", "inverted", "clash"]
# Of each integrator, whether its estimates are of where a step ends: what rejecting steps and correctors need.
ESTIMATES_ENDS = {"BAOAB": True, "ABOBA": False}
# How many samples, from where, what counts, and on what they are made: a run's, and not a model's. How many chains is a
# model's, since each has to burn in.
_OF_A_RUN = {"samples", "batch", "starts", "reject", "bond_tolerance", "clash_distance", "most_generated"}
_OF_A_RUN |= {"checkpoint_interval", "precision", "compile", "device", "seed", "hydrogens"}


class SamplingSettings(Section):
    """Walk-jump sampling of each test peptide (paper: section 3.2, Appendices E, G and H)."""

    samples: int = Field(100000, ge=1, le=1_000_000_000, description="Accepted samples a peptide, over all chains.")
    chains: int = Field(100, ge=1, le=10000, description="Independent chains.")
    batch: int | None = Field(
        None,
        ge=1,
        le=10000,
        description="Chains that walk side by side in one process; the samples are the same, up to rounding. null "
        "shares the chains out among the processes, one a thread, as far as they are estimated to fit 2 GiB in all, or "
        "takes as many as fit half of the free memory of a GPU.",
    )
    starts: list[str] = Field(
        default_factory=list,
        description="PDB files to start from instead of the built peptide, every model of each; {peptide} in a path "
        "stands for the peptide's name. Chain i starts from structure i modulo their number.",
    )
    sigma: Annotated[float, Quantity("nm", gt=0, le=1)] | None = Field(
        None, description="Noise level of the walk; null is the one at which the model was trained."
    )
    integrator: Literal["BAOAB", "ABOBA"] = Field("BAOAB", description="Splitting of the underdamped Langevin walk.")
    step: float = Field(1.0, gt=0, le=10, description="Walk step dt in units of sigma.")
    friction: float = Field(
        1.0,
        gt=0,
        le=1e6,
        description="Friction in the convention of `friction_convention`.",
    )
    friction_convention: Literal["per_step", "gamma"] = Field(
        "per_step",
        description="per_step: velocities keep exp(-friction) at each step (the public code); gamma: they keep "
        "exp(-friction * dt), dt in nm as in the paper's equations.",
    )
    mass: float = Field(1.0, gt=0, le=1e6, description="Mass M of the walk; u = 1/M.")
    score_clip: float | None = Field(
        None,
        gt=0,
        le=1e6,
        allow_inf_nan=False,
        description="Largest norm of an atom's score, in units of 1/sigma; longer ones are shortened; null is off.",
    )
    inverse_temperature: float = Field(
        1.0,
        ge=0,
        le=100,
        description="Factor beta of the (clipped) score: the walk samples the noisy density to the power of beta.",
    )
    keep_chirality: bool = Field(
        False,
        description="Keep the walk to where its estimate clearly has the stereocentres of the chain's start: a "
        "step to elsewhere is rejected and its velocity flipped (integrator BAOAB); false walks freely, as the paper.",
    )
    burn_in: int = Field(0, ge=0, le=1_000_000_000, description="Walk steps of each chain before its first sample.")
    stride: int = Field(1, ge=1, le=1_000_000, description="Walk steps between samples.")
    jump_sigmas: list[Annotated[float, Quantity("nm", gt=0, le=1)]] = Field(
        default_factory=list,
        description="Decreasing noise levels below that of the walk through which a jump goes down, one more "
        "evaluation of the network each; empty jumps at once. They need a network that was trained at these levels.",
    )
    jump_order: int = Field(
        1,
        ge=1,
        le=2,
        description="Order of the steps between jump_sigmas: 1 is Euler's; 2 also uses the estimate before the last "
        "(DPM-Solver++(2M)), which is what a long way down from a high level wants, at no more evaluations.",
    )
    corrector_steps: list[Annotated[int, Field(ge=0, le=10000)]] = Field(
        default_factory=list,
        description="Steps of the walk at each of jump_sigmas on the way down (Song et al., arXiv:2011.13456), one "
        "number a level and one evaluation a step (integrator BAOAB); empty goes down without.",
    )
    reject: list[Reason] = Field(
        default_factory=list,
        description="What makes a sample not count: a broken bond, an inverted stereocentre, a clash. More are drawn "
        "in place of rejected ones; samples.xtc holds all, flags.npz tells which count. All are reported always.",
    )
    bond_tolerance: Annotated[float, Quantity("nm", gt=0, le=1)] = Field(
        0.05, description="A bond is broken when its length differs by more from that in the chain's start."
    )
    clash_distance: Annotated[float, Quantity("nm", ge=0, le=1)] = Field(
        0.22, description="Heavy atoms more than three bonds apart clash when they are nearer."
    )
    most_generated: float = Field(
        4.0, ge=1, le=1000, description="Samples generated at most, as a multiple of `samples`; more is an error."
    )
    checkpoint_interval: Annotated[float, Quantity("s", gt=0, le=3600)] = Field(
        30.0, description="Wall-clock time between saved states, from which a stopped run goes on."
    )
    precision: Literal["float32", "tf32", "bfloat16"] = Field(
        "float32",
        description="Matrix products: full, or rounded operands (tf32 on GPUs that have it; bfloat16 by autocast).",
    )
    compile: Literal["off", "default", "cuda_graphs"] = Field(
        "off",
        description="default: torch.compile of the network, which pays where sampling lasts longer than a minute of "
        "compiling; cuda_graphs: on a GPU, its kernels recorded once and replayed.",
    )
    device: Literal["auto", "cpu", "cuda"] = Field("auto", description="Where the network runs.")
    hydrogens: bool = Field(
        False,
        description="Also write the accepted samples with hydrogens, their contacts relaxed, and potential energies: "
        "all_atoms.xtc, .pdb, .npz and .json.",
    )
    seed: int = Field(0, ge=0, le=LARGEST_SEED, description="Seed; each peptide derives its own from it and its name.")

    @model_validator(mode="after")
    def _possible(self) -> SamplingSettings:
        if self.chains > self.samples:
            raise ValueError(f"chains ({self.chains}) cannot exceed samples ({self.samples})")
        for before, after in pairwise([*([] if self.sigma is None else [self.sigma]), *self.jump_sigmas]):
            if after >= before:
                raise ValueError(
                    f"jump_sigmas must decrease from below the walk's sigma, but {after:g} nm follows {before:g} nm"
                )
        if self.corrector_steps and len(self.corrector_steps) != len(self.jump_sigmas):
            raise ValueError(
                f"corrector_steps has {len(self.corrector_steps)} numbers for {len(self.jump_sigmas)} jump_sigmas; "
                "give one a level, 0 for none"
            )
        if any(self.corrector_steps) and not ESTIMATES_ENDS[self.integrator]:
            raise ValueError("corrector_steps needs integrator BAOAB, whose estimates are of where a step ends")
        if self.keep_chirality and not ESTIMATES_ENDS[self.integrator]:
            raise ValueError("keep_chirality needs integrator BAOAB, whose estimates are of where a step ends")
        if len(set(self.reject)) < len(self.reject):
            raise ValueError("reject names a reason twice; give each once")
        return self

    def of_a_model(self) -> dict[str, Any]:
        """The keys, of JSON's types, that a model brings with it: how the walk goes and how its jumps end."""
        return self.model_dump(mode="json", exclude=_OF_A_RUN)
