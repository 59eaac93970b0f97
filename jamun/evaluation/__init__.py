"""Comparison of two ensembles of one molecule."""
