"""What a model was trained on, and what of a molecule that leaves out."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from jamun.data.molecule import Molecule
from jamun.io.shipped import shipped_models
from jamun.peptides.closures import RING
from jamun.peptides.sequences import CAPS, ONE_LETTER, PARENTS

_ENDS = ("NME", "NH2")
# A cysteine of a disulphide, by Amber's name, and in words.
_BRIDGED = "CYX"
_WORDS = {_BRIDGED: "disulphides"}


def _residues(molecule: Molecule) -> list[str]:
    """Names of a molecule's residues, caps included; CYX of cysteines in disulphides."""
    names: dict[int, str] = dict(zip(molecule.residue_indices.tolist(), molecule.residue_names, strict=True))
    names = {place: PARENTS.get(name, name) for place, name in names.items()}
    for sulphur in (atom for pair in molecule.closures.disulphides for atom in pair):
        names[int(molecule.residue_indices[sulphur])] = _BRIDGED
    return [name for _, name in sorted(names.items())]


def _form(molecule: Molecule, residues: list[str]) -> str:
    if molecule.closures.ring is not None:
        return RING
    first, last = residues[0] == "ACE", residues[-1] in _ENDS
    return {(True, True): "capped", (False, False): "uncapped"}.get((first, last), "capped at one end")


def _hand(molecule: Molecule) -> str | None:
    """L, D or mixed; None of a molecule without stereocentres."""
    found = set(np.sign(molecule.hands).tolist()) - {0}
    return None if not found else "mixed" if len(found) > 1 else "L" if found == {1} else "D"


@dataclass(frozen=True)
class TrainedOn:
    """The molecules of a training.

    lengths: numbers of residues, caps not counted.
    residues: three-letter codes; CYX of a cysteine in a disulphide.
    forms: capped, uncapped, capped at one end, or head-to-tail ring.
    hands: L, D, or mixed where one molecule has both. All-D and all-L are one: models mirror.
    solvent: of the MD, where it is known.
    """

    lengths: tuple[int, ...]
    residues: tuple[str, ...]
    forms: tuple[str, ...]
    hands: tuple[str, ...] = ("L",)
    solvent: str | None = None

    @classmethod
    def of(cls, molecules: Iterable[Molecule], solvent: str | None = None) -> Self:
        """That of these training molecules."""
        molecules = list(molecules)
        chains = [_residues(molecule) for molecule in molecules]
        kinds = {name for chain in chains for name in chain if name not in CAPS}
        return cls(
            tuple(sorted({sum(name not in CAPS for name in chain) for chain in chains})),
            tuple(sorted(kinds)),
            tuple(sorted({_form(*each) for each in zip(molecules, chains, strict=True)})),
            tuple(sorted({hand for hand in map(_hand, molecules) if hand})),
            solvent,
        )

    @classmethod
    def from_card(cls, card: Mapping[str, Any]) -> Self | None:
        """That of a shipped model, by its card; None where the card does not tell."""
        return cls.from_json(card["trained_on"]) if "trained_on" in card else None

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """From what `to_json` gave."""
        lists = {key: tuple(values[key]) for key in ("lengths", "residues", "forms", "hands")}
        return cls(**lists, solvent=values.get("solvent"))

    def to_json(self) -> dict[str, Any]:
        """Of JSON's types."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in vars(self).items()}

    def outside(self, molecule: Molecule) -> str | None:
        """What of a molecule the training has not shown, in a sentence; None where it has shown all."""
        chain = _residues(molecule)
        amino_acids = [name for name in chain if name not in CAPS]
        found = []
        if len(amino_acids) not in self.lengths:
            sizes = " or ".join(map(str, self.lengths))
            found.append(f"{len(amino_acids)} residues (trained on {sizes})")
        if (form := _form(molecule, chain)) not in self.forms:
            found.append(f"{form} (trained on {' and '.join(self.forms)})")
        known = {name for name in amino_acids if name in ONE_LETTER or name in _WORDS}
        if unknown := sorted(known - set(self.residues)):
            found.append(f"{', '.join(_WORDS.get(name, name) for name in unknown)} (not in training)")
        hand = _hand(molecule)
        if hand == "mixed" and hand not in self.hands:
            found.append(f"both D and L residues (trained on {' and '.join(self.hands)})")
        if not found:
            return None
        return f"Outside of what the model was trained on, so extrapolated: {'; '.join(found)}."


def trained_on_such(molecule: Molecule) -> list[str]:
    """The names of the models that come with the program whose training has shown all that a molecule is made of."""
    known = {name: TrainedOn.from_card(model.card) for name, model in shipped_models().items()}
    return [name for name, training in known.items() if training is not None and training.outside(molecule) is None]
