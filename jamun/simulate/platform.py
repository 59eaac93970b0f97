"""Which OpenMM platform runs a simulation, and with which properties."""

from __future__ import annotations

import openmm

from jamun.config.simulate import SimulateSettings
from jamun.simulate.system import SimulationError


def available() -> list[str]:
    """Names of the platforms of this machine that are able to run, slowest first."""
    return [openmm.Platform.getPlatform(index).getName() for index in range(openmm.Platform.getNumPlatforms())]


def _runs(name: str) -> bool:
    """Whether a one-particle system can be made on the platform: a plugin may load where there is no device."""
    system = openmm.System()
    system.addParticle(1.0)
    try:
        openmm.Context(system, openmm.VerletIntegrator(0.001), openmm.Platform.getPlatformByName(name))
    except openmm.OpenMMException:
        return False
    return True


def choose(settings: SimulateSettings, threads: int) -> tuple[openmm.Platform, dict[str, str]]:
    """The platform and its properties.

    auto takes CUDA where it runs; else Reference for implicit solvent, which on so small a system is 10 to 30 times
    faster than the CPU platform; else CPU. OpenCL has to be named: its drivers may mean a processor.
    Raises SimulationError for a platform that is not here or does not run.
    """
    names = available()
    wanted = settings.platform
    if wanted == "auto":
        fallback = "Reference" if settings.solvent == "implicit" else "CPU"
        wanted = "CUDA" if "CUDA" in names and _runs("CUDA") else fallback
    elif wanted not in names or not _runs(wanted):
        raise SimulationError(
            f"simulate.platform: {wanted} does not run on this machine ({', '.join(names)} are installed); use auto, "
            "or install its driver."
        )
    properties = {"CPU": {"Threads": str(threads)}, "CUDA": {"Precision": settings.precision}}
    properties["OpenCL"] = properties["CUDA"]
    return openmm.Platform.getPlatformByName(wanted), properties.get(wanted, {})
