"""Settings of the ablation of sampling: the same peptides sampled again with other settings."""

from typing import Annotated, Any

from pydantic import Field, StringConstraints, model_validator

from jamun.config.base import Samples, Section
from jamun.config.sampling import SamplingSettings

# The row of the settings that the variants differ from.
PLAIN = "plain"
# A folder's name as a model's is, and inner dots, for the numbers of a sweep.
VariantName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class AblationSettings(Section):
    """Test peptides sampled again, with one change at a time (docs/evaluation.md). The variant `plain`, with the
    settings of `sampling` and as many samples, is always there."""

    model: str | None = None
    """Model that is sampled. null: the first of `models`."""
    samples: Samples = 20000
    """Number of accepted samples of a peptide, for each variant."""
    chains: int | None = Field(None, ge=1, le=10000)
    """Number of independent chains. null: `sampling.chains`."""
    variants: dict[VariantName, dict[str, Any]] = Field(default_factory=dict)
    """Variants by name, each with the keys of `sampling` that differ and, if it is another, the `model`. Without
    variants there is no ablation. A name may contain dots, such as friction-0.1."""

    @model_validator(mode="after")
    def _possible(self) -> "AblationSettings":
        for name, differences in self.variants.items():
            if name == PLAIN:
                raise ValueError(f"variant {PLAIN} is there by itself, as the settings of sampling: give another name")
            if "samples" in differences:
                raise ValueError(
                    f"variant {name}: rows compare only with equal numbers of samples: set ablation.samples instead"
                )
            if not isinstance(differences.get("model", ""), str):
                raise ValueError(f"variant {name}: model must be the name of one of models")
            if not differences:
                raise ValueError(f"variant {name} differs in nothing: give a key of sampling, or model")
        return self

    @property
    def rows(self) -> list[str]:
        """Names of what is sampled, the plain settings first; none without variants."""
        return [PLAIN, *self.variants] if self.variants else []

    def sampling_of(self, name: str, sampling: SamplingSettings) -> SamplingSettings:
        """The settings of one row, given those of `sampling`. Raises ValidationError for impossible ones."""
        chains = {} if self.chains is None else {"chains": self.chains}
        differences = {key: value for key, value in self.variants.get(name, {}).items() if key != "model"}
        return sampling.with_changes({"samples": self.samples} | chains | differences)
