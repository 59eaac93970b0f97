"""JAMUN: walk-jump sampling of molecular conformational ensembles, from sequences to figures.

Kept free of imports beyond Python's own: parts of the package run in environments that hold only NumPy.
"""

import os

# Before PyTorch is loaded: else its threads spin while they wait for each other, which beside other work on the same
# cores takes the time of the very thread that they wait for. The first is of GNU's and LLVM's OpenMP, the second of
# Intel's and LLVM's (milliseconds). What the environment says already stays.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("KMP_BLOCKTIME", "0")

__version__ = "0.1.0"
