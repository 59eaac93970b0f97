"""Markov state model of the reference MD and where the samples fall in it (paper: Appendix A).

Runs in two environments: imports only NumPy, SciPy, deeptime, the library of the model, and parts of jamun that need no
more.
"""
