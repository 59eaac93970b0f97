"""Figures, from the files that evaluation wrote."""
