"""Peptides: sequences, splits, building."""
