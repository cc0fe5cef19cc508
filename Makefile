# The words of the house. `make` alone lists them; ARGS="..." is passed on to the tool behind a word.

SHELL := bash
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help install simulate serve dashboard dagster test test-slow chaos lint type bench bench-serving viz mlflow clean

VENV := .venv
BIN := $(VENV)/bin
PY := $(BIN)/python
BENCH_PY := .venv-bench/bin/python
OPENMP := $(VENV)/openmp
EVERYTHING := .[dev,neural]
MAIN_JOB_IMPORTS := bokeh.plotting, holoviews, kedro.framework.cli, kedro_mlflow, lightgbm, matplotlib.pyplot, \
	mlflow, sklearn.linear_model, surprise

# The first that is Python 3.11 or newer; `make PYTHON=/path/to/python` overrules the search.
IS_RECENT := -c 'import sys; sys.exit(sys.version_info < (3, 11))'
PYTHON ?= $(shell for python in python3.11 python3; do \
	$$python $(IS_RECENT) 2>/dev/null && echo $$python && break; done)

# pip leaves modules uncompiled, which takes a minute off the installation: the first import keeps the bytecode.
unexport PYTHONDONTWRITEBYTECODE
export DO_NOT_TRACK := true
export LD_LIBRARY_PATH := $(CURDIR)/$(OPENMP)$(if $(LD_LIBRARY_PATH),:$(LD_LIBRARY_PATH))

help: ## list these words
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(VENV)/.dev ## install everything a developer needs, compile the kernels, set up the commit hooks
	@echo "==> compiling the simulation kernels and, by importing them, the libraries of the main job"
	@$(PY) -m armlift.simulation.warmup
	@$(PY) -W ignore -c "import $(MAIN_JOB_IMPORTS)"
	@if git rev-parse --git-dir >/dev/null 2>&1; then \
		$(BIN)/pre-commit install || echo "==> the commit hooks are not set up: see the line above"; fi

simulate: $(VENV)/.core ## compare A/B tests with bandits on the embedded sample
	@$(BIN)/kedro run --pipelines=simulate $(ARGS)

serve: $(VENV)/.core ## run the live router, http://127.0.0.1:8000
	@$(BIN)/armlift serve $(ARGS)

dashboard: $(VENV)/.core ## show experiments to those who decide, http://127.0.0.1:5006
	@$(PY) -m dashboard $(ARGS)

dagster: $(VENV)/.core ## run everything on schedule, http://127.0.0.1:3000
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(PY) -m dagster_defs $(ARGS)

# Every worker reads all files that it is given, which takes half a minute for all of them.
SLOW_FILES = $(shell grep -rl --include='test_*.py' 'mark\.slow' tests)

# More workers than cores: a good part of the tests waits for servers, browsers and commits. Files of one long test
# would come last of all, if files were ordered by how many they have.
test: $(VENV)/.dev ## run the tests, all but the slow ones
	@$(BIN)/pytest -n 3 --dist loadfile $(ARGS)

test-slow: $(VENV)/.dev ## run the slow tests: long statistics, crashes
	@$(BIN)/pytest -n 4 --dist loadfile --no-loadscope-reorder -m slow $(ARGS) $(SLOW_FILES)

chaos: $(VENV)/.dev ## kill the live router at random moments and check that no reward is lost
	@$(BIN)/pytest -n 2 --dist load -m slow tests/chaos $(ARGS)

lint: $(VENV)/.dev ## check style, formatting and who imports whom
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/lint-imports

type: $(VENV)/.dev ## check the types
	@$(BIN)/mypy $(ARGS)

bench: $(VENV)/.core .venv-bench/.installed ## measure speed against other bandit libraries
	@$(PY) benchmarks/bandits.py --peers $(BENCH_PY) $(ARGS)

bench-serving: $(VENV)/.dev ## measure the live router beside a bare one and beside a design that logs in requests
	@$(PY) benchmarks/serving.py $(ARGS)

viz: $(VENV)/.dev ## show the pipelines in the browser, http://127.0.0.1:4141
	@$(BIN)/kedro viz run --host 127.0.0.1 --port 4141 $(ARGS)

mlflow: $(VENV)/.core ## show the runs in the browser, http://127.0.0.1:5000
	@PATH="$(CURDIR)/$(BIN):$$PATH" kedro mlflow ui --host 127.0.0.1 --port 5000 $(ARGS)

clean: ## remove environments, caches and build products; data/ and mlflow.db stay
	rm -rf .venv .venv-bench build dist .viz .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	rm -rf src/*.egg-info
	find src tests benchmarks conf -name __pycache__ -type d -prune -exec rm -rf {} +

# Below: the environments. A stamp is written last, so an interrupted installation is done again.

# create_venv(folder): leaves a working environment alone.
define create_venv
	@if [ -z "$(PYTHON)" ] || ! "$(PYTHON)" $(IS_RECENT); then \
		echo "armlift needs Python 3.11 or newer, found: $$("$(or $(PYTHON),python3)" --version 2>&1 || echo none)." >&2; \
		echo "Install it, or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; fi
	@if ! $(1)/bin/python $(IS_RECENT) 2>/dev/null || ! $(1)/bin/python -m pip --version >/dev/null 2>&1; then \
		echo "==> creating $(1) with $$($(PYTHON) --version)"; \
		$(PYTHON) -m venv --clear $(1) || { rm -rf $(1); \
			echo "This Python cannot create environments; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }; fi
endef

# pip_install(python, arguments): says what pip is at, in a few lines instead of a thousand.
define pip_install
	@set -o pipefail; started=$$SECONDS; collected=0; \
	$(1) -m pip install --disable-pip-version-check --no-input --no-compile --progress-bar off $(2) | \
	while read -r verb what rest; do case "$$verb $$what $$rest" in \
		Collecting*|Processing*.whl*) collected=$$((collected + 1)); \
			((collected % 20)) || echo "    $$collected packages collected" ;; \
		Downloading*\([0-9][0-9]*.*\ MB\)) echo "    downloading $${what%%-*} $$rest" ;; \
		"Installing collected"*) echo "    unpacking $$(wc -w <<< "$${rest#*:}") packages, which can take a minute" ;; \
	esac; done && \
	echo "==> installed in $$((SECONDS - started)) s"
endef

$(VENV)/.core: pyproject.toml constraints.txt
	$(call create_venv,$(VENV))
	@echo "==> installing armlift and what it needs to run"
	$(call pip_install,$(PY),-c constraints.txt -e .)
	$(link_openmp)
	@touch $@

$(VENV)/.dev: $(VENV)/.core
	@echo "==> installing the development tools and torch"
	$(call pip_install,$(PY),-c constraints.txt -e "$(EVERYTHING)")
	@touch $@

.venv-bench/.installed: benchmarks/requirements.txt
	$(call create_venv,.venv-bench)
	@echo "==> installing the libraries to compare with"
	$(call pip_install,$(BENCH_PY),-r benchmarks/requirements.txt)
	@touch $@

# LightGBM takes OpenMP from the system, which a slim Linux lacks; scikit-learn brings its own, so both use that one.
define link_openmp
	@if [ "$$(uname)" = Linux ] && ! $(PY) -c 'import ctypes; ctypes.CDLL("libgomp.so.1")' 2>/dev/null; then \
		mkdir -p $(OPENMP); \
		ln -sf $(CURDIR)/$(VENV)/lib/python3*/site-packages/scikit_learn.libs/libgomp-*.so.1* $(OPENMP)/libgomp.so.1; fi
endef
