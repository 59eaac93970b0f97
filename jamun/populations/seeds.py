"""Which samples short MD starts from."""

import numpy as np

from jamun.populations.residues import StepResult
from jamun.populations.steps import CHI1, Step


def backbone_states(steps: list[Step]) -> np.ndarray:
    """A number (F,) for each frame: the sides of phi and psi of all residues together."""
    labels = np.zeros(sum(map(len, steps[0].states)) if steps else 0, dtype=np.int64)
    for step in steps:
        if step.name != CHI1:
            labels = labels * step.n_states + np.concatenate(step.states)
    return np.unique(labels, return_inverse=True)[1]


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

    The first round is even over the backbone states of all residues together. Later ones are even over the states of
    the steps whose populations are least certain by `results` of the rounds before, each of which gets seeds in
    proportion to its error. `steps` are of the samples.
    """
    if not results:
        return even_seeds(backbone_states(steps), n_seeds, generator)
    errors = np.array([result.error for result in results])
    shares = errors / errors.sum() if errors.sum() > 0 else np.full(len(errors), 1 / len(errors))
    ends = np.round(np.cumsum(shares) * n_seeds).astype(int)
    found = []
    for step, count in zip(steps, np.diff(ends, prepend=0), strict=True):
        weighed = np.flatnonzero(np.concatenate(step.weighed))
        labels = np.concatenate(step.states)[weighed]
        found.append(weighed[even_seeds(labels, int(count), generator)])
    return np.concatenate(found)
