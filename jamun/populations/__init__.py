"""Populations from short simulations: Markov models of their transitions, and weights of frames by them."""
