"""The network of the authors' public program: its function, its keys, and the reading of its checkpoints."""
