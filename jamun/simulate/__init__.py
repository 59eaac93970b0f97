"""Molecular dynamics with OpenMM."""
