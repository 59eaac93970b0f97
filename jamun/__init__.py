"""JAMUN: walk-jump sampling of molecular conformational ensembles, from sequences to figures.

`jamun.sample` and `jamun.evaluate` are imported when they are used: parts of the package run in environments that hold
only NumPy, and `import jamun` takes no time.
"""

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jamun.api import Evaluation, Samples, evaluate, sample

# Before PyTorch is loaded: else its threads spin while they wait for each other, which beside other work on the same
# cores takes the time of the very thread that they wait for. The first is of GNU's and LLVM's OpenMP, the second of
# Intel's and LLVM's (milliseconds). What the environment says already stays.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("KMP_BLOCKTIME", "0")

__version__ = "0.2.0"
__all__ = ["Evaluation", "Samples", "evaluate", "sample"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from jamun import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
