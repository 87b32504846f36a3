# Everything a developer runs. A machine with git, make and Python 3.11+ (with venv) or uv is enough:
# each target makes the environment it needs, and makes it again when pyproject.toml or constraints.txt change.

VENV        ?= .venv
BENCH_VENV  ?= .venv-bench
# Real data for the benches (see evals/README.md).
SHARED      ?= ../shared
# uv where it is on the PATH; `make UV= ...` uses python's own venv and pip instead.
UV          ?= $(shell command -v uv 2>/dev/null)
# The interpreter to build environments with; empty takes the first one that will do.
PYTHON      ?=
PYTEST_ARGS ?=

ifeq ($(OS),Windows_NT)
BIN := Scripts
else
BIN := bin
endif
PY       := $(VENV)/$(BIN)/python
BENCH_PY := $(BENCH_VENV)/$(BIN)/python
TOOLS    := $(VENV)/$(BIN)

# Asked from the root folder, so that a version manager reads no .python-version and answers with a real path.
GOOD_PYTHON := import ensurepip, sqlite3, ssl, sys, venv; sys.version_info < (3, 11) and sys.exit(1); print(sys.executable)

# $(call make_venv,FOLDER)
ifneq ($(strip $(UV)),)
make_venv = "$(UV)" venv --quiet --allow-existing --python "$(or $(PYTHON),>=3.11)" $(1)
# $(call install,PYTHON OF THE ENVIRONMENT,WHAT)
install = "$(UV)" pip install --quiet --python $(1) --constraint constraints.txt $(2)
else
make_venv = for python in $(or $(PYTHON),python3 python3.13 python3.12 python3.11 python3.14 python); do \
	    found=$$(cd / && "$$python" -c '$(GOOD_PYTHON)' 2>/dev/null) && break; \
	done; \
	test -n "$$found" || { echo "No Python 3.11+ with venv and sqlite3 found: install one, or uv, or name it with PYTHON=..." >&2; exit 1; }; \
	"$$found" -m venv $(1)
install = $(1) -m ensurepip >/dev/null && $(1) -m pip install --quiet --disable-pip-version-check --constraint constraints.txt $(2)
endif

.DEFAULT_GOAL := help
.PHONY: help install demo test test-crash test-processes test-erase test-tenants test-weaviate lint format ingest-real bench-languages bench-recall bench-store bench-turn size all clean

help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' Makefile

install: $(VENV)/.dev ## Make .venv with the package (editable) and everything to test it

demo: $(VENV)/.default ## Watch the assistant learn a person, stop, start again and remember [SEED=n]
	@$(PY) -m persona_graph demo $(if $(SEED),--seed $(SEED))

test: $(VENV)/.dev ## Run the tests [PYTEST_ARGS="-n auto -k word"]
	$(PY) -m pytest $(PYTEST_ARGS)

test-crash: $(VENV)/.default ## Kill -9 a working child 200 times and look for what was lost [SEED=n KILLS=n]
	@$(PY) -m tests.trials.crash $(if $(SEED),--seed $(SEED)) $(if $(KILLS),--kills $(KILLS))

test-processes: $(VENV)/.default ## Two writers, a reader and a worker share a user for a minute [SEED=n SECONDS=n]
	@$(PY) -m tests.trials.processes $(if $(SEED),--seed $(SEED)) $(if $(SECONDS),--seconds $(SECONDS))

test-erase: $(VENV)/.default ## Erase each kind of thing, then search every file for every trace of it [SEED=n]
	@$(PY) -m tests.trials.erase $(if $(SEED),--seed $(SEED))

test-tenants: $(VENV)/.default ## 10,000 hostile calls and as many honest ones through three doors [SEED=n COUNT=n]
	@$(PY) -m tests.trials.tenants $(if $(SEED),--seed $(SEED)) $(if $(COUNT),--count $(COUNT))

test-weaviate: $(VENV)/.dev ## The store's contract and all trials on real Weaviate servers [SEED=n ONLY=part]
	@SHARED=$(abspath $(SHARED)) $(PY) -m tests.trials.weaviate $(if $(SEED),--seed $(SEED)) $(foreach part,$(ONLY),--only $(part))

lint: $(VENV)/.dev ## Check style, format, types and the import arrows
	$(TOOLS)/ruff check .
	$(TOOLS)/ruff format --check .
	$(TOOLS)/mypy
	$(TOOLS)/lint-imports

format: $(VENV)/.dev ## Sort imports and format the code
	$(TOOLS)/ruff check --fix .
	$(TOOLS)/ruff format .

ingest-real: $(VENV)/.default ## Ingest a LoCoMo conversation, killed half way and resumed [DATA=file]
	@$(PY) -m evals.bench.ingest_real --data $(or $(DATA),$(SHARED)/data/locomo/locomo_dev.json)

bench-languages: $(VENV)/.default ## Recall of turn search in English and Chinese, no embedder [DATA=folder]
	@$(PY) -m evals.bench.languages --data $(or $(DATA),$(SHARED)/data/memorybank)

bench-recall: $(BENCH_VENV)/.bench ## Evidence recall beside cosine, BM25, LangGraph, mem0 [DATA=file CONVERSATIONS=a,b STORE=url|weaviate]
	@$(BENCH_PY) -m evals.bench.recall --data $(or $(DATA),$(SHARED)/data/locomo/locomo_dev.json) \
	    $(if $(CONVERSATIONS),--conversations $(CONVERSATIONS)) $(if $(STORE),--store $(STORE))

bench-store: $(BENCH_VENV)/.bench ## Latency, durability and size of the store beside the floor and mem0 [STORE=url|weaviate FLOOR=file]
	@$(BENCH_PY) -m evals.bench.store --floor $(or $(FLOOR),$(SHARED)/probes/store/floor.py) $(if $(STORE),--store $(STORE))

bench-turn: $(VENV)/.default ## What a turn costs besides the model, alone and with 200 users
	@$(PY) -m evals.bench.turn

size: $(VENV)/.default ## Size of a default install and time of `import persona_graph`
	@$(PY) -m evals.bench.size

all: lint test ## Everything CI checks

clean: ## Remove caches and build outputs, keep the environments
	rm -rf build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage*
	find persona_graph mcp_server training evals tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(PY):
	@echo "Making $(VENV) ..."
	@$(call make_venv,$(VENV))

$(BENCH_PY):
	@echo "Making $(BENCH_VENV) ..."
	@$(call make_venv,$(BENCH_VENV))

$(VENV)/.default: $(PY) pyproject.toml constraints.txt
	@echo "Installing the package and what it needs into $(VENV) ..."
	@$(call install,$(PY),--editable .)
	@touch $@

$(VENV)/.dev: $(PY) pyproject.toml constraints.txt
	@echo "Installing the package and its test tools into $(VENV) ..."
	@$(call install,$(PY),--editable '.[dev]')
	@touch $(VENV)/.default $@

$(BENCH_VENV)/.bench: $(BENCH_PY) pyproject.toml constraints.txt
	@echo "Installing the package and the systems it is compared with into $(BENCH_VENV) (several GB) ..."
	@$(call install,$(BENCH_PY),--editable '.[bench]')
	@touch $@
