"""Seeds that depend on what they are for, not on the order of jobs."""

import hashlib


def derived_seed(seed: int, *names: str | int) -> int:
    """A seed in [1, 2**31) from a base seed and the names of what it is for (peptide, stage, chain)."""
    text = "/".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") % (2**31 - 1) + 1
