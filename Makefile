# Everything that a person or CI runs. `make` alone lists it.

SHELL := /bin/bash
.DEFAULT_GOAL := help

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
CODE := activities api bench bootstrap.py cli deploy domain gateways logs.py policies sandbox settings.py store tests worker.py workflows

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: venv
venv: $(STAMP) ## Make .venv and install what is pinned (only when something changed)

$(STAMP): pyproject.toml constraints.txt deploy/install
	@deploy/install $(VENV)
	@touch $@

.PHONY: up
up: $(STAMP) ## Start the local stack and stay; Ctrl-C stops it, its data is kept
	@$(BIN)/claims up

.PHONY: demo
demo: $(STAMP) ## Start the local stack, open a small shop and cancel orders in it
	@$(BIN)/claims demo

.PHONY: test
test: $(STAMP) ## All tests, on a real PostgreSQL and a real Temporal; three files at a time
	@$(BIN)/python -m pytest -n 3 --dist loadfile $(PYTEST)

.PHONY: matrix
matrix: $(STAMP) ## Every gateway, fault and kill; GATEWAY=toss FAULT=lose_answer play a part of it
	@$(BIN)/python -m tests.matrix $(if $(GATEWAY),--gateway "$(GATEWAY)") $(if $(FAULT),--fault "$(FAULT)")

.PHONY: lint
lint: $(STAMP) ## Style and likely mistakes
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

.PHONY: format
format: $(STAMP) ## Mend what lint can mend by itself
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

.PHONY: types
types: $(STAMP) ## Type check, strict
	@$(BIN)/mypy $(wildcard $(CODE))

.PHONY: imports
imports: $(STAMP) ## Which room may know which
	@$(BIN)/lint-imports --no-logo

.PHONY: check
check: lint types imports test ## All of the above: what CI runs before the demo

.PHONY: bench
bench: $(STAMP) ## Measure, as ratios on this machine
	@$(BIN)/python -m bench

.PHONY: constraints
constraints: $(STAMP) ## Write the versions installed now into constraints.txt
	@deploy/pin $(VENV)

.PHONY: clean
clean: ## Remove .venv and what tools left; the local stack's data stays
	@rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
