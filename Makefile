# make reproduce   set everything up and reproduce every paper at scale quick
# make test        set everything up and run the tests
# make drill       kill, fill, corrupt and misconfigure it: nothing may be lost or taken for whole (20 minutes)
# make lint        what the tests do not see: style, types, and the workflow's own checks
# make bench       how long updates, metrics and starts take on this machine (20 minutes)
# make gpu-check   what a GPU must confirm, in ten minutes: ARGS=--try runs it on a CPU, a little of each
# make environment only sets .venv up, as each of the above does first
# make lock        pins anew what pyproject.toml asks for, and writes environment.yml
# make clean       removes what scale smoke, comparisons and Snakemake's own records left; trainings stay
# ARGS goes to snakemake or pytest:  make reproduce ARGS="--config scale=smoke"

VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: reproduce test drill environment lint bench gpu-check lock clean

reproduce: environment
	@snakemake reproduce_all --quiet all $(ARGS)

test: environment
	pytest -n 2 --dist loadgroup $(ARGS)

drill: environment
	pytest -o python_files='drill_*.py' tests/drills $(ARGS)

lint: environment
	ruff check .
	ruff format --check .
	snakefmt --check Snakefile workflow
	snakemake --lint
	mypy

bench: environment
	PYTHONPATH=. python benchmarks/updates.py $(ARGS)

gpu-check: environment
	PYTHONPATH=. python benchmarks/gpu_check.py $(ARGS)

environment: $(VENV)/.complete

# The stamp is written last, so an interrupted installation is done again.
$(VENV)/.complete: requirements.lock
	@if [ -L $(VENV) ]; then echo "$(VENV) is a link, and setting up would empty what it leads to; remove the link" >&2; exit 1; fi
	@python=""; for candidate in $(PYTHON) python3 python3.12 python3.11 python; do \
	  if $$candidate -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12)))' 2>/dev/null; then \
	    python=$$candidate; break; fi; done; \
	if [ -z "$$python" ]; then echo "Python 3.11 or 3.12 is needed; name it with: make PYTHON=/path/to/python3.12" >&2; exit 1; fi; \
	echo "Setting up $(VENV) with $$($$python --version)"; \
	$$python -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv || echo "no uv: pip installs, more slowly"
	@if [ -x $(BIN)/uv ]; then \
	  $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements.lock; \
	else \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock; fi
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-index --no-deps --no-build-isolation -e .
	@touch $@

# For both Pythons, with hashes, without any index's address.
lock: environment
	uv pip compile pyproject.toml --group dev --universal --python-version 3.11 --generate-hashes \
	  --no-header --no-annotate --no-emit-index-url --output-file requirements.lock
	python -c "$$CONDA" > environment.yml

define CONDA
import tomllib
with open("pyproject.toml", "rb") as file:
    wanted = tomllib.load(file)
packages = [*wanted["project"]["dependencies"], *wanted["dependency-groups"]["dev"]]
print("""# For conda users: conda env create -f environment.yml. Written by make lock from pyproject.toml;
# requirements.lock pins the exact versions.
name: gan-reproductions
channels: [conda-forge]
dependencies:""")
print("  - python", wanted["project"]["requires-python"])
print("  - pip\n  - pip:", *(f"      - {package}" for package in packages), sep="\n")
endef
export CONDA

clean:
	rm -rf runs/smoke .snakemake results/smoke results/comparison
