"""The denoiser and its training; knows arrays, not files of trajectories."""
