"""Features: trajectories to the store that the network is trained from."""
