"""Trajectories made elsewhere: found, checked, put right where that is safe, written as those of simulations here."""
