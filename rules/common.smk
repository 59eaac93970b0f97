# Needs:  the raw configuration
# Makes:  `config` as a plain, complete and validated mapping; the names that rules expand over; helpers of rules

from collections import namedtuple
from pathlib import Path

# In a clone the package lies beside the Snakefile; elsewhere it is installed.
ROOT = Path(workflow.current_basedir).parent
if (ROOT / "jamun").is_dir():
    sys.path.insert(0, str(ROOT))

import json
import os
import re

from snakemake.settings.types import DeploymentMethod

from jamun import layout
from jamun.config import ConfigurationError, read
from jamun.config.base import NAME
from jamun.config.command_line import with_types
from jamun.figures import report as html_report
from jamun.figures import threedmol
from jamun.io.active import begin, require_plain_path
from jamun.io.log import UserError
from jamun.io.shipped import importable_folder, msm_backend
from jamun.status.failures import failures_text
from jamun.status.ready import ready_at_first
from jamun.workflow import resolve

# Jobs in other environments (PyEMMA's, conda's) find the package too.
PACKAGE = str(importable_folder(Path(".snakemake") / "package").absolute())
os.environ.update(PYTHONPATH=os.pathsep.join(filter(None, [PACKAGE, os.getenv("PYTHONPATH")])))

# `cores: all` of profiles/default are the cores of this machine, and it would cut the threads of jobs on a cluster to
# them, here and again inside the job. There max-threads, of profiles/slurm, says how many a job may have. (Without it
# nothing is changed: `snakemake -j 4` on one machine looks the same from here.)
if workflow.is_main_process and workflow.resource_settings.nodes and workflow.resource_settings.max_threads:
    workflow.resource_settings.cores = workflow.resource_settings.max_threads
    workflow.global_resources["_cores"] = workflow.resource_settings.max_threads

# As a module of another workflow: Snakemake puts the module's prefix before what rules read and write, and these two
# take care of the folders in params and of the files that the configuration names.
IS_MODULE = not workflow.modifier.is_main_snakefile()
WORK = {job: str(workflow.modifier.modify_path(folder)) for job, folder in layout.WORK.items()}


def given(path):
    """The path of a file that the configuration names, unless the workflow itself makes it, from where it was started."""
    return os.path.abspath(path) if IS_MODULE and not path.startswith(os.path.join("results", "")) else path


CONFIG_SOURCE = ", ".join(str(path) for path in workflow.configfiles) or "configuration"

try:
    if workflow.is_main_process:
        for path in workflow.configfiles:
            read(path)  # Snakemake's own reader takes the last of two sections of one name, and says nothing
    RESOLVED = resolve(with_types(config, workflow.config_settings.config or {}), CONFIG_SOURCE, Path.cwd())
except ConfigurationError as error:
    # Not a WorkflowError, which Snakemake surrounds with lines of this file.
    sys.exit(f"Error: {error}")

# A Snakemake that was killed leaves its lock: the next removes it. Jobs on a cluster and dry runs are none, and the lock
# of another workflow, of which this is a module, is not ours.
if workflow.is_main_process and not workflow.output_settings.dryrun and not IS_MODULE:
    try:
        require_plain_path()
        if begin(Path.cwd(), Path("logs")):
            print("Snakemake was killed here: the lock that it left is removed.", file=sys.stderr)
    except UserError as error:
        sys.exit(f"Error: {error}")

SETTINGS = RESOLVED.settings
if workflow.is_main_process and (unused := SETTINGS.unused_sampling()):
    print(f"{CONFIG_SOURCE}: {unused}", file=sys.stderr)
# The file of each peptide that is given as a structure, and the files of each whose MD is imported.
STRUCTURES = RESOLVED.structures
SOURCE_FILES = RESOLVED.sources

# From here on `config` is the resolved configuration, so that params hold whole sections, defaults included.
config.clear()
config.update(SETTINGS.model_dump(mode="json"))

CONDA = DeploymentMethod.CONDA in workflow.deployment_settings.deployment_method
# Conda's environment has its own.
HAS_VIEWER = CONDA or threedmol.present()
if not HAS_VIEWER and workflow.is_main_process and SETTINGS.source.exists:
    print(f"The viewer's pages are left out: {threedmol.missing()}.", file=sys.stderr)

# Known before the first job, so that what made a result is in its parameters.
config["evaluation"]["msm"]["backend"], MSM_PYTHON = msm_backend(config["evaluation"]["msm"]["backend"], CONDA)

DATASET = config["dataset"]
SPLITS = {split: [peptide.name for peptide in members] for split, members in RESOLVED.splits.items()}
SEQUENCES = {peptide.name: peptide.letters for members in RESOLVED.splits.values() for peptide in members}
PEPTIDES = list(SEQUENCES)
PEPTIDES_WITH_MD = PEPTIDES if SETTINGS.source.exists else []
SPLIT_OF = {name: split for split, names in SPLITS.items() for name in names}
MD_RECORD_OF_SPLIT = {split: SETTINGS.md_record_of(split) for split in SPLITS}
# What is evaluated: the models, and the weighted short MD from the samples of some.
MODELS = SETTINGS.evaluated_models()
POPULATED_MODELS = SETTINGS.populated_models()
# Whose samples are also written with hydrogens.
HYDROGENATED_MODELS = [name for name in SETTINGS.active_models() if SETTINGS.sampling_of(name).hydrogens]
NEEDED_MODELS = SETTINGS.needed_models()
N_TEST = len(SPLITS["test"])

if SETTINGS.partial:
    try:
        SPLITS["test"] = ready_at_first(SETTINGS, SPLITS["test"], Path.cwd())
    except UserError as error:
        sys.exit(f"Error: {error}")

BROUGHT_MODELS = [name for name in NEEDED_MODELS if SETTINGS.checkpoint_of(name)]
# Whether E-W2, T-W2 and TICA-W2 are asked for.
WASSERSTEIN = SETTINGS.evaluation.wasserstein.enabled and SETTINGS.source.exists
# With a single model, or without MD, there is nothing to hold side by side, and no rules for it.
SIDE_BY_SIDE = len(MODELS) > 1 and SETTINGS.source.exists
TRAINED_MODELS = [name for name in NEEDED_MODELS if SETTINGS.is_trained(name)]
# Whose samples another program made.
OUTSIDE_MODELS = [name for name in NEEDED_MODELS if SETTINGS.is_outside(name)]


def unfinished(failed):
    """What is told at the end of the jobs that failed, those of groups one by one."""
    jobs = [job for each in failed for job in (each.jobs if each.is_group() else [each])]
    return failures_text([(job.message or job.rule.name, [Path(log) for log in job.log]) for job in jobs])


def one_of(names):
    """A wildcard constraint that admits exactly `names`; with none of them, nothing."""
    return "|".join(map(re.escape, names)) or "(?!)"


wildcard_constraints:
    dataset=re.escape(DATASET),
    # Any name: a list of thousands in every pattern makes planning twice as long. Rules that make a peptide's first
    # files admit the configured ones only, and all others need those files.
    peptide=NAME.strip("^$"),
    model=one_of([*NEEDED_MODELS, *MODELS]),
    split=one_of(SPLITS),
    variant=one_of(SETTINGS.ablation.rows),


def simulate_settings(wildcards):
    """Settings of a peptide's MD, which may differ between splits."""
    return SIMULATE_OF_SPLIT[SPLIT_OF[wildcards.peptide]]


def md_record(wildcards):
    """The record of a peptide's MD, with the wall clock that samples are held against."""
    return MD_RECORD_OF_SPLIT[SPLIT_OF[wildcards.peptide]].format(**wildcards)


# Weights of the MD's frames, which lie beside them and are read with them.
MD_WEIGHTS = {"reference_weights": layout.MD_WEIGHTS["weights"]} if SETTINGS.frame_weights else {}


def md_against(samples):
    """Inputs of what holds samples, files as layout.SAMPLES names them, against the MD of their peptide."""
    return {
        "reference": layout.MD["trajectory"],
        "reference_topology": layout.MD["topology"],
        "md_record": md_record,
        "samples": samples["samples"],
        "samples_topology": samples["topology"],
        **MD_WEIGHTS,
    }


def over_test_peptides(pattern):
    """`pattern` for every active model and every test peptide."""
    return expand(pattern, dataset=DATASET, model=MODELS, peptide=SPLITS["test"])


def of_every_model(pattern):
    """`pattern` for every active model; its other wildcards stay."""
    return expand(pattern, model=MODELS, allow_missing=True)


def over_ablation(pattern):
    """`pattern` for every row of the ablation, with the model that it samples with, and every test peptide."""
    return [
        path
        for variant in SETTINGS.ablation.rows
        for path in expand(
            pattern,
            dataset=DATASET,
            variant=variant,
            model=SETTINGS.ablated_model(variant),
            peptide=SPLITS["test"],
        )
    ]


def summary_results():
    """The summary, and all that it is made of; none without test peptides."""
    if not SPLITS["test"]:
        return []
    made = [layout.SAMPLES["record"]]
    analyses = SETTINGS.analyses() if SETTINGS.source.exists else {"compare": layout.EVALUATION["compare"]}
    made += [files["result"] for files in analyses.values()]
    return [*over_test_peptides(made), *expand(layout.SUMMARY, dataset=DATASET)]


def all_atom_results():
    """Samples with hydrogens; none with partial=true, where nothing is made from samples but their evaluation."""
    models = [] if SETTINGS.partial else HYDROGENATED_MODELS
    return expand(layout.ALL_ATOMS["record"], dataset=DATASET, model=models, peptide=SPLITS["test"])


def ablation_results():
    """The figure of the ablation; none without variants, where the targets are about one model and it is not, or where
    nothing is sampled."""
    if SETTINGS.partial or not SPLITS["test"]:
        return []
    compared = {SETTINGS.ablated_model(variant) for variant in SETTINGS.ablation.rows}
    return [f"results/{DATASET}/figures/ablation.png"] if compared and compared <= set(MODELS) else []


def brought_checkpoint(wildcards):
    """The file that a model is brought as. A shipped one by its way from here, so that a clone may be moved."""
    path = SETTINGS.checkpoint_of(wildcards.model)
    return given(path) if SETTINGS.shipped_of(wildcards.model) is None else os.path.relpath(path)


def initial_checkpoint(wildcards):
    """The checkpoint that training starts from; none for one that starts from random weights."""
    initial = SETTINGS.initial_of(wildcards.model)
    return [] if initial is None else layout.MODEL["checkpoint"].format(dataset=wildcards.dataset, model=initial)


def tries_again(times):
    """So many retries of a job by the Snakemake that the user started.

    The one that it starts for the job, on a cluster's node, makes none: it would try within the same allocation, and
    go on when the cluster wants the job to end.
    """
    return times if workflow.is_main_process else 0


def needs(megabytes, minutes):
    """Memory and run time that a job asks for at its first attempt; twice as much at the second, then three times.

    Not more: a job that was preempted time and again has not run out of anything.
    """
    return {
        "mem_mb": lambda wildcards, attempt: megabytes * min(attempt, 3),
        "runtime": lambda wildcards, attempt: minutes * min(attempt, 3),
    }


def in_report(path, caption, question, title, category="Summary", model="all"):
    """A file that the report shows: its caption in docs/captions, its title below a question, and the model it is of."""
    labels = {"question": question, "figure": title, "model": model}
    return report(path, caption=f"../docs/captions/{caption}.rst", category=category, labels=labels)


def report_results():
    """The report, unless it is another workflow's, or there are no test peptides to report on."""
    return [] if IS_MODULE or not SPLITS["test"] else expand(layout.REPORT, dataset=DATASET)


# files: what it is drawn from, by the arguments of its function; place: where it lies, without a suffix; section,
# question and title: where the report has it; models: those that it is drawn of.
Figure = namedtuple("Figure", "files place section question title models", defaults=[MODELS])
FIGURES = {}


def figure_of_peptide(name, files, question, title, place=None, models=MODELS):
    """A figure of one peptide, by default of its samples by one model, of `models`."""
    place = place or f"{layout.FIGURES}/{{model}}/{name}/{{peptide}}"
    FIGURES[name] = Figure(files, place, "Peptide {peptide}", question, title, models)


def figure_of_all(name, files, question, title, place=None):
    """A figure of all test peptides and models."""
    FIGURES[name] = Figure(files, f"{layout.FIGURES}/{place or name}", "Summary", question, title)


def figure_results():
    """Every figure of the active models and the test peptides, and the page of tables; without test peptides, what the
    models learned."""
    trained = [model for model in MODELS if model in TRAINED_MODELS]
    losses = expand(f"{FIGURES['loss'].place}.png", dataset=DATASET, model=trained) if "loss" in FIGURES else []
    if not SPLITS["test"]:
        return losses
    drawn = [figure for name, figure in FIGURES.items() if name not in ("ablation", "loss")]
    return [
        *expand(layout.TABLES["page"], dataset=DATASET),
        *(
            path
            for figure in drawn
            for path in expand(f"{figure.place}.png", dataset=DATASET, model=figure.models, peptide=SPLITS["test"])
        ),
        *losses,
        # Without 3Dmol.js there are no pages to turn, which is told at the start.
        *(over_test_peptides(layout.VIEWER) if SETTINGS.source.exists and HAS_VIEWER else []),
        *ablation_results(),
    ]
