"""The force fields that a simulation can have, by name."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ForceField:
    """A force field by its files in OpenMM (or paths of files in OpenMM's format).

    peptide: parameters of amino acids and caps;
    water: TIP3P and ions, for explicit solvent;
    implicit: generalised Born solvent.
    """

    peptide: str
    water: str
    implicit: str


FORCE_FIELDS = {
    # amber99sb-ILDN; GBSA-OBC (OBC2). The capped set of the paper.
    "amber99sbildn": ForceField("amber99sbildn.xml", "tip3p.xml", "amber99_obc.xml"),
    # ff14SB; OBC1, as in the Timewarp set, at 310 K.
    "amber14": ForceField("amber14/protein.ff14SB.xml", "amber14/tip3p.xml", "implicit/obc1.xml"),
}
