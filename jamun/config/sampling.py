"""Settings of walk-jump sampling."""

from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from jamun.config.base import Quantity, Samples, Section, Seed

Reason = Literal["broken", "inverted", "clash"]
# Of each integrator, whether its estimates are of where a step ends: what rejecting steps and correctors need.
ESTIMATES_ENDS = {"BAOAB": True, "ABOBA": False}
# How many samples, from where, what counts, and on what they are made: a run's, and not a model's. How many chains is a
# model's, since each has to burn in.
_OF_A_RUN = {"samples", "batch", "starts", "reject", "bond_tolerance", "clash_distance", "most_generated"}
_OF_A_RUN |= {"checkpoint_interval", "precision", "compile", "device", "seed", "hydrogens"}


class SamplingSettings(Section):
    """Walk-jump sampling of each test peptide (paper: section 3.2, Appendices E, G and H)."""

    samples: Samples = 100000
    """Number of accepted samples of a peptide, over all chains."""
    chains: int = Field(100, ge=1, le=10000)
    """Number of independent chains."""
    batch: int | None = Field(None, ge=1, le=10000)
    """Number of chains that one process evaluates together; it changes samples by rounding only. null: on processors
    the chains are shared among the processes, in batches of the fastest size; on a GPU as many as fit half of its free
    memory."""
    starts: list[str] = Field(default_factory=list)
    """Structure files to start from instead of the built peptide, every model of each. {peptide} stands for the name of
    the peptide. Chain i starts from structure i modulo their number."""
    sigma: Annotated[float, Quantity("nm", gt=0, le=1)] | None = None
    """Noise level of the walk. null: the `sigma` of the training."""
    integrator: Literal["BAOAB", "ABOBA"] = "BAOAB"
    """Splitting of underdamped Langevin dynamics."""
    step: float = Field(1.0, gt=0, le=10)
    """Time step dt of the walk, in units of sigma."""
    friction: float = Field(1.0, gt=0, le=1e6)
    """Friction, in the convention of `friction_convention`."""
    friction_convention: Literal["per_step", "gamma"] = "per_step"
    """`per_step`: a step multiplies velocities by exp(-friction), as in the public code. `gamma`: by exp(-friction *
    dt), dt in nm, as in the equations of the paper."""
    mass: float = Field(1.0, gt=0, le=1e6)
    """Mass M of the walk; u = 1/M."""
    score_clip: float | None = Field(None, gt=0, le=1e6, allow_inf_nan=False)
    """Largest norm of the score of an atom, in units of 1/sigma. Longer scores are shortened. null: no limit."""
    inverse_temperature: float = Field(1.0, ge=0, le=100)
    """Factor beta of the (clipped) score. The walk then samples the noisy density to the power of beta."""
    keep_chirality: bool = False
    """Reject a step if its denoised estimate does not clearly have the stereocentres of the start of the chain, and
    flip the velocity (BAOAB only). false: a free walk, as in the paper."""
    burn_in: int = Field(0, ge=0, le=1_000_000_000)
    """Walk steps of each chain before its first sample."""
    stride: int = Field(1, ge=1, le=1_000_000)
    """Walk steps between samples."""
    jump_sigmas: list[Annotated[float, Quantity("nm", gt=0, le=1)]] = Field(default_factory=list)
    """Noise levels below that of the walk, in decreasing order, through which a jump goes down. Each costs one more
    network evaluation, and needs a network that was trained there. Empty: the jump is one step."""
    jump_order: int = Field(1, ge=1, le=2)
    """Order of the steps between jump_sigmas. 1: Euler. 2: DPM-Solver++(2M), which also uses the estimate before;
    better for many levels, at no extra evaluations."""
    corrector_steps: list[Annotated[int, Field(ge=0, le=10000)]] = Field(default_factory=list)
    """Steps of the walk at each of jump_sigmas on the way down (Song et al., arXiv:2011.13456): one number for each
    level, one evaluation for each step (BAOAB only). Empty: none."""
    reject: list[Reason] = Field(default_factory=list)
    """Flaws for which a sample does not count: broken bond, inverted stereocentre, clash. More samples are drawn
    instead. samples.xtc holds all samples, and flags.npz says which count. Flaws are always reported."""
    bond_tolerance: Annotated[float, Quantity("nm", gt=0, le=1)] = 0.05
    """A bond is broken if its length differs by more than this from that in the start of the chain."""
    clash_distance: Annotated[float, Quantity("nm", ge=0, le=1)] = 0.22
    """Heavy atoms more than three bonds apart clash if they are closer than this."""
    most_generated: float = Field(4.0, ge=1, le=1000)
    """Largest number of generated samples, as a multiple of `samples`. More is an error."""
    checkpoint_interval: Annotated[float, Quantity("s", gt=0, le=3600)] = 30.0
    """Wall-clock time between saved states. A stopped run continues from the last one."""
    precision: Literal["auto", "float32", "tf32", "bfloat16"] = "auto"
    """Precision of matrix products. `float32`: full. `tf32`: rounded operands, on GPUs that have it. `bfloat16`:
    autocast. `auto`: bfloat16 on a processor with units for it, tf32 on a GPU that has it, otherwise float32."""
    compile: Literal["off", "default", "cuda_graphs"] = "off"
    """`default`: torch.compile of the network; it takes about a minute and helps if sampling lasts longer.
    `cuda_graphs`: on a GPU, kernels are recorded once and replayed."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where the network runs."""
    hydrogens: bool = False
    """Also write the accepted samples with hydrogens and relaxed contacts, and their potential energies: all_atoms.xtc,
    .pdb, .npz and .json."""
    seed: Seed = 0
    """Random seed. Each peptide derives its own from it and from its name."""

    @model_validator(mode="after")
    def _possible(self) -> "SamplingSettings":
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

    @property
    def gpus(self) -> int:
        """GPUs that a job asks for: one where the device is a GPU."""
        return int(self.device == "cuda")

    def of_a_model(self) -> dict[str, Any]:
        """The keys, of JSON's types, that a model brings with it: how the walk goes and how its jumps end."""
        return self.model_dump(mode="json", exclude=_OF_A_RUN)
