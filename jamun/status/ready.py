"""Which test peptides can be evaluated already."""

import os
from collections.abc import Iterable
from pathlib import Path

from jamun import layout
from jamun.config.configuration import Configuration
from jamun.io.log import UserError

_VARIABLE = "JAMUN_READY"


def ready_at_first(settings: Configuration, names: Iterable[str], directory: Path) -> list[str]:
    """Those of `names` that were ready when the run began: the processes that this one starts, such as jobs on a
    cluster and the report, find the answer in their environment, whatever got ready meanwhile. See ready_peptides."""
    if _VARIABLE not in os.environ:
        os.environ[_VARIABLE] = " ".join(ready_peptides(settings, names, directory))
    return os.environ[_VARIABLE].split()


def ready_peptides(settings: Configuration, names: Iterable[str], directory: Path) -> list[str]:
    """Those of `names` whose samples by every evaluated model are there, and whose MD if there is to be any.

    All models have the same peptides in the summary, so that their means compare. Raises UserError where none is ready.
    """
    models, dataset = settings.evaluated_models(), settings.dataset
    wanted = [(layout.SAMPLES["record"], model) for model in models]
    if settings.source.exists:
        wanted.append((settings.md_record_of("test"), ""))

    def ready(name: str) -> bool:
        places = [layout.place(path, directory, dataset=dataset, model=model, peptide=name) for path, model in wanted]
        return all(record.exists() for record in places)  # records are published last

    found = [name for name in names if ready(name)]
    if not found:
        md = "its MD and " if settings.source.exists else ""
        place = layout.place(layout.RESULTS, directory, dataset=dataset)
        raise UserError(
            f"partial: no test peptide has {md}its samples by {', '.join(models)} in {place} yet; jamun status tells "
            "what there is."
        )
    return found
