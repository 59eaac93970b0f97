"""Force fields are a table: one more is one row."""

import openmm
import pytest
from pydantic import ValidationError

from jamun.config.forcefields import FORCE_FIELDS, ForceField
from jamun.config.simulate import SimulateSettings
from jamun.peptides.build import build_to_files
from jamun.peptides.sequences import parse_sequence
from jamun.simulate.system import make_member, make_system


@pytest.fixture(scope="module")
def pdb(tmp_path_factory):
    folder = tmp_path_factory.mktemp("peptide")
    build_to_files(parse_sequence("AI"), "uncapped", 7.0, folder / "AI.pdb", folder / "AI.json")
    return folder / "AI.pdb"


def torsions(system):
    (force,) = (force for force in system.getForces() if isinstance(force, openmm.PeriodicTorsionForce))
    terms = (force.getTorsionParameters(index) for index in range(force.getNumTorsions()))
    return sorted((*atoms, order, height._value) for *atoms, order, _, height in terms)


def test_a_force_field_more_is_a_row_more(pdb, monkeypatch):
    settings = {"solvent": "implicit", "ensemble": "NVT", "equilibration": []}
    with pytest.raises(ValidationError, match="not a known force field; give one of amber99sbildn, amber14"):
        SimulateSettings(forcefield="amber96", **settings)
    monkeypatch.setitem(FORCE_FIELDS, "amber96", ForceField("amber96.xml", "tip3p.xml", "amber96_obc.xml"))
    old = make_system(pdb, SimulateSettings(forcefield="amber96", batched=True, **settings))
    new = make_system(pdb, SimulateSettings(**settings))
    assert old.system.getNumParticles() == new.system.getNumParticles()
    assert torsions(old.system) != torsions(new.system)  # its backbone is another


def test_the_protocol_of_the_timewarp_set(pdb):
    """ff14SB with OBC1 at 310 K, uncapped."""
    settings = SimulateSettings(
        solvent="implicit", forcefield="amber14", temperature="310 K", ensemble="NVT", equilibration=[]
    )
    system = make_member(pdb, settings).system
    (born,) = (force for force in system.getForces() if isinstance(force, openmm.CustomGBForce))
    text = openmm.XmlSerializer.serialize(born).replace(" ", "")
    # OBC1 (Onufriev 2004): 0.8 psi + 2.909125 psi^3, without a term of second order.
    assert "0.8*psi+2.909125*psi^3" in text
