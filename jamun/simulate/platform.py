"""Which OpenMM platform runs a simulation, with which properties, and on which GPUs of the machine."""

import os
from itertools import takewhile
from pathlib import Path

import openmm

from jamun.config.simulate import SimulateSettings
from jamun.io.gpu import Gpu, cuda_gpus
from jamun.io.provenance import processor
from jamun.simulate.system import SimulationError

_MOST_DEVICES = 64


def one_particle(platform: openmm.Platform, properties: dict[str, str] | None = None) -> openmm.Context | None:
    """A context of one particle, or None where there can be none: a plugin may load where there is no device."""
    system = openmm.System()
    system.addParticle(1.0)
    try:
        return openmm.Context(system, openmm.VerletIntegrator(0.001), platform, properties or {})
    except openmm.OpenMMException:
        return None


def _runs(name: str) -> bool:
    """Whether the platform runs."""
    return one_particle(openmm.Platform.getPlatformByName(name)) is not None


def is_processor(vendor: str, device: str, processor_name: str) -> bool:
    """Whether an OpenCL device is the processor and no GPU, by the names of its platform, of itself and of the
    processor: PoCL, Intel's runtime and others offer processors as devices, on which OpenMM's own CPU platform is
    faster."""
    vendor, device = vendor.lower(), device.lower()
    words = ("cpu", "pthread", "basic-")
    return (
        any(word in device for word in words)
        or device.strip() in processor_name.lower()
        or (vendor == "portable computing language" and "nvidia" not in device and "gpu" not in device)
    )


def _opencl_gpu() -> bool:
    """Whether the OpenCL platform runs, and would do so on a GPU."""
    platform = openmm.Platform.getPlatformByName("OpenCL")
    context = one_particle(platform)
    if context is None:
        return False
    vendor, device = (platform.getPropertyValue(context, name) for name in ("OpenCLPlatformName", "DeviceName"))
    return not is_processor(vendor, device, processor())


def choose(settings: SimulateSettings, threads: int) -> tuple[openmm.Platform, dict[str, str]]:
    """The platform and its properties.

    auto takes CUDA where it runs; else OpenCL where that runs on a GPU; else Reference for implicit solvent, which on
    so small a system is 10 to 30 times faster than the CPU platform; else CPU.
    Raises SimulationError for a platform that is not here or does not run.
    """
    # Of the platforms that are installed here, slowest first.
    names = [openmm.Platform.getPlatform(index).getName() for index in range(openmm.Platform.getNumPlatforms())]
    wanted = settings.platform
    if wanted == "auto":
        if "CUDA" in names and _runs("CUDA"):
            wanted = "CUDA"
        elif "OpenCL" in names and _opencl_gpu():
            wanted = "OpenCL"
        else:
            wanted = "Reference" if settings.solvent == "implicit" else "CPU"
    elif wanted not in names or not _runs(wanted):
        raise SimulationError(
            f"simulate.platform: {wanted} does not run on this machine ({', '.join(names)} are installed); use auto, "
            "or install its driver."
        )
    precision = {"Precision": str(settings.precision)}
    properties = {"CPU": {"Threads": str(threads)}, "CUDA": precision, "OpenCL": precision}
    return openmm.Platform.getPlatformByName(wanted), properties.get(wanted, {})


def devices(platform: openmm.Platform) -> list[Gpu]:
    """The GPUs that OpenMM can use on this platform, as far as the environment shows them to the process."""
    if platform.getName() == "CUDA":
        return cuda_gpus()
    indices = takewhile(lambda index: one_particle(platform, {"DeviceIndex": str(index)}), range(_MOST_DEVICES))
    return [Gpu(index, f"{platform.getName()}_{index}") for index in indices]


def multi_process_service() -> bool:
    """Whether NVIDIA's Multi-Process Service runs here, with which simulations on one GPU compute side by side instead
    of in turns; CUDA uses it by itself."""
    pipe = Path(os.environ.get("CUDA_MPS_PIPE_DIRECTORY", "/tmp/nvidia-mps"))
    return (pipe / "control").exists()
