"""The libraries that a Markov state model can be made with, by name."""

from jamun.evaluation.msm.backend import Backend, MSMError


def load_backend(name: str) -> Backend:
    """The library called `name`. Raises MSMError, saying what to do, where it is not installed."""
    if name == "deeptime":
        from jamun.evaluation.msm.deeptime_backend import DeeptimeBackend

        return DeeptimeBackend()
    try:
        from jamun.evaluation.msm.pyemma_backend import PyemmaBackend
    except ImportError as error:
        raise MSMError(
            f"PyEMMA is not installed for this interpreter ({error}): build its environment with `make pyemma`, or set "
            "evaluation.msm.backend to deeptime, which needs none."
        ) from None
    return PyemmaBackend()
