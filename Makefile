# Stanchion's verbs, for people and for CI alike. `make` lists them.
# Needed beforehand: Python 3.11 or newer, git, make. All else goes into .uv/ and .venv/.

PYTHON ?= python3
JOBS   ?= 2
SCALE  ?= full
NAME   ?=
ARGS   ?=
SEED   := $(or $(SEED),$(shell od -An -N2 -tu2 /dev/urandom | tr -d ' '))

UV_VERSION := $(shell sed -n 's/^setup = \["uv==\([0-9.]*\)"\]/\1/p' pyproject.toml)
UV         := .uv/uv-$(UV_VERSION)
BIN        := .venv/bin
DEV        := --group dev --group demo --extra local --extra postgres --extra evaluate
DEMO       := --no-dev --group demo --extra local

# A benchmark whose peers have a dependency group of their own runs in an environment of its own.
BENCH_GROUP := $(if $(NAME),$(shell sed -n 's/^\(bench-$(NAME)\) = .*/\1/p' pyproject.toml))
BENCH_ENV   := $(if $(BENCH_GROUP),.venv-bench/$(NAME),.venv)

export SCALE
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help setup demo test check crash interop bench docs serve format clean

help: ## List the verbs
	@sed -n 's/^\([a-z]*\):[^#]*## \(.*\)/  make \1|\2/p' $(firstword $(MAKEFILE_LIST)) \
	  | awk -F'|' '{ printf "%-14s %s\n", $$1, $$2 }'

setup: .venv/.dev ## Install everything for working on Stanchion (the other verbs do it themselves)

demo: .venv/.demo ## A support desk on a real small model, about a minute (ARGS="--all")
	@$(BIN)/stanchion demo $(ARGS)

test: .venv/.dev ## Run the tests, then again replaying at every await (ARGS="-k ledger" SEED=7)
	@$(BIN)/python -m pytest -n $(JOBS) $(ARGS)
	@echo "again, suspending and replaying at every await, lanes shuffled by seed $(SEED):"
	@STANCHION_TEST_REPLAY=$(SEED) $(BIN)/python -m pytest -n $(JOBS) --only-replayed $(ARGS)

check: .venv/.dev ## Lint, types, layers, promises, docs, and each promise's mutation
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --check --quiet
	$(BIN)/pyright
	$(BIN)/lint-imports --no-logo
	$(BIN)/python -m scripts.docs --check
	$(BIN)/python -m scripts.mutate --jobs $(JOBS)

crash: .venv/.dev ## Kill runs everywhere and judge from outside (SCALE=small: under 50 s)
	@$(BIN)/python -m benchmarks.crash $(ARGS)

interop: .venv/.dev ## Export to real servers and read back (several GB once; ARGS="--only Phoenix")
	@$(BIN)/python -m benchmarks.interop $(ARGS)

bench: $(BENCH_ENV)/.bench ## Run one benchmark (NAME=start SCALE=small)
	@$(BENCH_ENV)/bin/python -m benchmarks$(if $(NAME),.$(NAME)) $(ARGS)

docs: .venv/.dev ## Write the generated pages, check links and snippets
	$(BIN)/python -m scripts.docs
	$(BIN)/python -m pytest -q tests/docs

serve: .venv/.demo ## Recover and advance the runs of a store until Ctrl-C (ARGS="--store ...")
	@$(BIN)/stanchion serve $(ARGS)

format: .venv/.dev ## Format the code and the generated pages
	$(BIN)/ruff check --fix --quiet
	$(BIN)/ruff format --quiet
	$(BIN)/python -m scripts.docs

clean: ## Remove caches and build output (ALL=1: the environments too)
	rm -rf dist build .pytest_cache .ruff_cache .hypothesis .import_linter_cache $(if $(ALL),.venv .venv-bench .uv)
	find src tests scripts benchmarks examples docs -name __pycache__ -prune -exec rm -rf {} + 2>/dev/null || true

# Environments: each is made once, and again when the lock changes.
$(UV):
	@$(PYTHON) scripts/bootstrap.py $(UV_VERSION)

.venv/.demo: pyproject.toml uv.lock | $(UV)
	@$(PYTHON) scripts/install.py $@ $(UV) $(DEMO)

.venv/.dev: pyproject.toml uv.lock | $(UV)
	@$(PYTHON) scripts/install.py $@ $(UV) $(DEV)

.venv/.bench: .venv/.dev
	@touch $@

.venv-bench/%/.bench: pyproject.toml uv.lock | $(UV)
	@$(PYTHON) scripts/install.py $@ $(UV) --no-dev --group bench-$* --extra local --extra postgres
