"""Which samples short MD starts from."""

import numpy as np

from jamun.populations.residues import StepResult
from jamun.populations.steps import Step


def even_seeds(labels: np.ndarray, n_seeds: int, generator: np.random.Generator) -> np.ndarray:
    """Numbers of frames (n_seeds,), as many of each state as of any other, at random within it.

    States take turns, the rarest first, so that none is left out for as long as there are as many seeds as states; a
    state with few frames gives them again. `labels` are the states (F,) of the frames.
    """
    states, counts = np.unique(labels, return_counts=True)
    queues = {state: generator.permutation(np.flatnonzero(labels == state)) for state in states}
    order = states[np.argsort(counts, kind="stable")]
    turns = [(order[turn % len(order)], turn // len(order)) for turn in range(n_seeds)]
    return np.array([queues[state][lap % len(queues[state])] for state, lap in turns], dtype=np.int64)


def seeds_of_round(
    steps: list[Step], results: list[StepResult], n_seeds: int, generator: np.random.Generator
) -> np.ndarray:
    """Numbers of frames (n_seeds,) for one round of short runs.

    Each step gets seeds in proportion to the error of its populations by `results` of the rounds before, in the first
    round as many as any other, even over its own states. (Even over the states of all steps together, half of the runs
    and more would start at positive phi, which they hardly ever leave.) `steps` are of the samples.
    """
    weighed = [np.flatnonzero(np.concatenate(step.weighed)) for step in steps]
    labels = [np.concatenate(step.states)[frames] for step, frames in zip(steps, weighed, strict=True)]
    errors = np.array([result.error for result in results] if results else [float(len(set(own)) > 1) for own in labels])
    if not errors.any():  # nothing is uncertain: any frame will do
        errors = np.array([float(len(own) > 0) for own in labels])
    ends = np.round(np.cumsum(errors / errors.sum()) * n_seeds).astype(int)
    counts = np.diff(ends, prepend=0).tolist()
    found = [
        frames[even_seeds(own, count, generator)]
        for frames, own, count in zip(weighed, labels, counts, strict=True)
        if len(own)
    ]
    return np.concatenate(found)
