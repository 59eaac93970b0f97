# make demo   the demo workflow, from sequences to a report (installs what it needs first)
# make study-NAME  the study of configs/NAME.yaml, its page studies/capped_dipeptides/NAME.md and its model models/NAME;
#             resumes. NAME is explicit (`jamun sample` uses its model), implicit (a machine with a GPU) or implicit_cpu
# make test   the tests (installs what they need first)
# make docs   the documentation's generated pages, and its site in site/
# make test-pythons  what needs no PyEMMA, on other versions of Python

PYTHON ?= python3.11
PYTHONS ?= python3.12 python3.13
VENV := .venv
PYEMMA := .venv-pyemma
BIN := $(VENV)/bin
SNAKEMAKE := $(BIN)/snakemake

# uv installs a locked list in a quarter of pip's time. Where it cannot be had, or cannot find a package, pip does it.
UV := uv==0.13.9
pip = $(1)/bin/pip install --quiet --disable-pip-version-check
packages = { { test -x $(1)/bin/uv || $(pip) $(UV) 2>/dev/null; } && \
	  $(1)/bin/uv pip install --quiet --python $(1)/bin/python $(2) 2>/dev/null; } || $(pip) $(2)

# Scripts outside the package: what they call exists, and takes these arguments.
LOOSER := --no-warn-return-any --allow-any-generics --allow-untyped-calls \
	  $(addprefix --disable-error-code ,arg-type misc operator union-attr func-returns-value)

# Install a Debian package where that is possible without asking anyone.
apt = { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null && apt-get update -qq && \
	  apt-get install -y -qq --no-install-recommends $(1) >/dev/null; }

.PHONY: demo test test-full test-pythons install dev viewer pyemma opengl chromium slurm lint docs clean

# Both environments at once: PyEMMA compiles while packages of the other are fetched.
demo:
	@$(MAKE) --no-print-directory -j2 install pyemma opengl
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(SNAKEMAKE) all
	@echo "The report: $(CURDIR)/results/capped_demo/report.html"

# Stopped or failed, the same again goes on; finished, it changes nothing. A study with a search trains its networks first.
study-%: install pyemma opengl
	@for search in $(wildcard configs/$*_search.yaml); do \
	  PATH="$(CURDIR)/$(BIN):$$PATH" $(SNAKEMAKE) models --configfile configs/$*.yaml $$search || exit 1; done
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(SNAKEMAKE) all --configfile configs/$*.yaml
	@$(BIN)/python studies/capped_dipeptides all $*
	@echo "The results: $(CURDIR)/studies/capped_dipeptides/$*.md"

# Two processes, each a folder of tests at a time: while one waits for Slurm or Snakemake, the other computes.
PYTEST = PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -n 2 --dist loadscope \
	--no-loadscope-reorder

test: install dev pyemma opengl chromium slurm
	@$(PYTEST) -m "not full" tests

test-full: install dev pyemma opengl chromium slurm
	@$(PYTEST) tests

lint: dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/snakefmt --check Snakefile rules
	@$(BIN)/mypy
	@for scripts in benchmarks studies/*/; do \
	  MYPYPATH=benchmarks:tests/model:tests/slurm:$$scripts $(BIN)/mypy $(LOOSER) $$scripts/*.py || exit 1; done
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(SNAKEMAKE) --lint

# The generated pages, and the site of them all in site/. --quiet would hide warnings from --strict.
docs: dev
	@$(BIN)/python -m jamun.config.schema
	@$(BIN)/mkdocs build --strict

# The tests that need neither PyEMMA nor pinned versions, on other Pythons: make test-pythons PYTHONS="python3.12 python3.13".
# Each gets the newest versions that pyproject.toml allows, from pip's registry; PyTorch alone may be 3 GB.
test-pythons: dev
	@for python in $(PYTHONS); do PYTHON=$$python .ci/other-python || exit 1; done

install: $(VENV)/installed viewer
dev: $(VENV)/dev-installed
pyemma: $(PYEMMA)/installed

$(VENV)/installed: envs/requirements.txt pyproject.toml
	@echo "Installing the environment of the workflow in $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(call packages,$(VENV),torch==2.13.0 -r envs/requirements.txt)
	@$(call packages,$(VENV),--no-deps -e .)
	@touch $@

# Type checker, documentation and packaging: what tests and `make lint` use beyond the workflow.
$(VENV)/dev-installed: $(VENV)/installed envs/dev.txt
	@$(call packages,$(VENV),-r envs/dev.txt)
	@touch $@

# 3Dmol.js, which the viewer's pages hold: the pinned package by `npm pack` and its checksum. Without it the workflow
# leaves these pages out, and says so.
viewer: $(VENV)/installed
	@$(BIN)/python -m jamun.figures.threedmol || echo "The viewer's pages will be left out"

# PyEMMA 2 builds from source against an old NumPy: an environment of its own.
$(PYEMMA)/installed: envs/pyemma.txt
	@echo "Building the PyEMMA environment in $(PYEMMA) (a minute or two)"
	@$(PYTHON) -m venv $(PYEMMA)
	@$(call packages,$(PYEMMA),-r envs/pyemma.txt)
	@$(call packages,$(PYEMMA),--no-build-isolation --no-deps pyemma==2.5.12)
	@touch $@

# PyMOL's wheel needs the system's OpenGL library to load, though it draws nothing here.
opengl:
	@ldconfig -p | grep -q 'libGL\.so\.1' || $(call apt,libgl1) || \
	  echo "libGL.so.1 is not installed: install it (libgl1 on Debian), or PyMOL cannot build peptides"

# Chromium opens the report in a test; without it that test is skipped, and says so.
chromium:
	@command -v chromium >/dev/null || $(call apt,chromium) || \
	  echo "chromium is not installed: the test that opens the report will be skipped"

# Tests start a Slurm of their own; without its packages they are skipped, and say so.
slurm:
	@{ command -v slurmctld && command -v slurmd && command -v munged; } >/dev/null || $(call apt,slurm-wlm munge) || \
	  echo "slurm-wlm and munge are not installed: the tests on a Slurm cluster will be skipped"

clean:
	rm -rf work logs .snakemake
