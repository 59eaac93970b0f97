"""JAMUN: walk-jump sampling of molecular conformational ensembles, from sequences to figures.

Kept free of imports: parts of the package run in environments that hold only NumPy.
"""

__version__ = "0.1.0"
