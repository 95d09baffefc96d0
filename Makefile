# Andon: `make help` tells all. `make demo` and `make test` set up what they need, the first time and when it changed.
SHELL := /bin/bash
.DEFAULT_GOAL := help
SERVICES := ingest preprocess scoring alerting drift machines console training
MEMBERS := shared $(addprefix services/,$(SERVICES) demo)
UV := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
BIN := .venv/bin
ARGS ?=
export UV_NO_PROGRESS := 1

.PHONY: help setup servers lint format test test-unit test-house test-services train-env test-torch test-nightly test-servers test-images test-cluster images chart scale demo up down docs dashboards lock bench bench-models driftbench clean

help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-zA-Z%_-]+:.*## / {printf "  \033[1m%-16s\033[0m %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.uv/bin/uv:
	@echo "uv is not installed: putting it into .uv"
	@python3 -m venv .uv 2>/dev/null || { rm -rf .uv; \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then apt-get update -qq && apt-get install -y -qq python3-venv && python3 -m venv .uv; \
	  else echo "python3 cannot make environments: install python3-venv, or uv itself, then run make again" >&2; exit 1; fi; }
	@.uv/bin/pip install --quiet --disable-pip-version-check uv

.venv/.ready: requirements/dev.txt $(addsuffix /pyproject.toml,$(MEMBERS)) | $(filter .uv/bin/uv,$(UV))
	@echo "installing the packages of requirements/dev.txt into .venv"
	@test -x $(BIN)/python || $(UV) venv --quiet --python '>=3.11' .venv
	@$(UV) pip sync --quiet --python .venv --require-hashes requirements/dev.txt
	@$(UV) pip install --quiet --python .venv --no-deps $(addprefix -e ,$(MEMBERS))
	@touch $@

setup: .venv/.ready ## Install every Python package, pinned by hash, into .venv

servers: setup ## Fetch Kafka, Redis and Alertmanager where they are missing
	@$(BIN)/andon servers fetch

lint: setup ## Check style and types
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: setup ## Mend style
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

test: test-house test-services test-torch test-servers ## Run every test: what services share, each service alone, the line on real servers

test-unit: setup ## Run all that needs no server and no PyTorch, in one environment: the quick way while you work
	$(BIN)/pytest -q -n auto --dist worksteal -m "not servers and not nightly and not images and not cluster"

.cache/tools/%: deploy/tools/%/go.sum deploy/tools/build
	@deploy/tools/build $*

test-house: setup .cache/tools/helm ## Run the tests of what services share, of the chart, and of the house itself
	$(BIN)/pytest -q -n auto --dist worksteal -m "not servers and not nightly and not images and not cluster" $(filter-out $(SERVICES:%=tests/%/),$(wildcard tests/*/))

test-services: $(addprefix test-only-,$(SERVICES)) ## Run each service's tests where only that service is installed

.venvs/%/.ready: requirements/%.txt requirements/test.txt shared/pyproject.toml services/%/pyproject.toml | setup
	@test -x .venvs/$*/bin/python || $(UV) venv --quiet --python $(BIN)/python .venvs/$*
	@$(UV) pip sync --quiet --python .venvs/$* --require-hashes requirements/$*.txt requirements/test.txt
	@$(UV) pip install --quiet --python .venvs/$* --no-deps -e shared -e services/$*
	@touch $@

.PRECIOUS: .venvs/%/.ready

test-only-%: .venvs/%/.ready ## Run one service's tests where only that service is installed
	ANDON_ONLY=$* .venvs/$*/bin/pytest -q -n auto --dist worksteal -m "not servers and not nightly and not images and not cluster" tests/$* tests/alone

.venvs/torch/.ready: requirements/train.txt shared/pyproject.toml services/training/pyproject.toml | setup
	@echo "installing PyTorch and anomalib into .venvs/torch"
	@test -x .venvs/torch/bin/python || $(UV) venv --quiet --python $(BIN)/python .venvs/torch
	@$(UV) pip sync --quiet --python .venvs/torch --require-hashes requirements/train.txt
	@$(UV) pip install --quiet --python .venvs/torch --no-deps -e shared -e services/training
	@touch $@

train-env: .venvs/torch/.ready ## Install what `andon train` needs: .venvs/torch/bin/andon then has it

test-torch: .venvs/torch/.ready ## Run the tests that need PyTorch: training anomalib models, and Andon's backbone
	OMP_NUM_THREADS=1 .venvs/torch/bin/python -m pytest -q -n auto --dist worksteal -m "not nightly" tests/train tests/distil

test-nightly: .venvs/torch/.ready setup ## Run the tests that take minutes
	.venvs/torch/bin/python -m pytest -q -m nightly tests/train
	@$(BIN)/andon servers fetch kafka redis alertmanager prometheus
	$(BIN)/pytest -q -m nightly tests/chaos tests/servers tests/line tests/training tests/chart

test-images: setup ## Build every image with podman on a bare Debian, and run the line from them (takes minutes)
	@$(BIN)/andon servers fetch kafka redis podman debootstrap
	$(BIN)/pytest -q -m images tests/images

test-cluster: setup .cache/tools/helm .cache/tools/kubernetes .cache/tools/etcd ## Install the chart on a real Kubernetes control plane (takes minutes, the first time more)
	@$(BIN)/andon servers fetch kafka redis
	$(BIN)/pytest -q -m cluster tests/cluster

test-servers: setup .cache/tools/helm ## Run the tests on real Kafka, Redis, Alertmanager, Prometheus, Mosquitto and Chromium
	@$(BIN)/andon servers fetch kafka redis alertmanager prometheus mosquitto chromium
	$(BIN)/pytest -q -n 3 --dist loadfile -m "servers and not nightly"

images: ## Build an image for every service with docker, podman or buildah (ARGS="scoring-gpu", ARGS="--sbom", ARGS=--help)
	@deploy/images/build $(ARGS)

chart: setup .cache/tools/helm ## Generate the chart's values.schema.json and its rendered examples
	@$(BIN)/python helm/generate.py $(ARGS)

demo: setup ## Run the whole line on real servers and watch it (ARGS="--help" tells what it can do)
	@$(BIN)/andon demo $(ARGS)

up: ## Run the line with Docker Compose (COMPOSE_PROFILES=demo make up: with drawn parts)
	@echo "The console will be at http://localhost:8600. Its link, which signs you in:"
	@echo "  docker compose -f deploy/compose.yaml logs console"
	@echo "Dashboards will be at http://localhost:3000."
	docker compose -f deploy/compose.yaml up --build $(ARGS)

down: ## Stop what `make up` started (ARGS=--volumes: and forget its data)
	docker compose -f deploy/compose.yaml --profile '*' down $(ARGS)

docs: setup dashboards ## Generate the reference pages and JSON Schemas under docs/, and the dashboards
	@$(BIN)/python docs/generate.py

dashboards: setup ## Write Grafana's dashboards from deploy/grafana/boards (ARGS="--console URL --out FOLDER")
	@$(BIN)/python deploy/grafana/build.py $(ARGS)

lock: $(filter .uv/bin/uv,$(UV)) ## Pin the newest packages that fit (requirements/*.txt)
	@requirements/compile --upgrade

bench: servers ## Measure speed and memory; writes bench/results
	@$(BIN)/python bench/line.py $(ARGS)
	@$(BIN)/python bench/backlog.py

scale: servers ## Run the traffic of 10, 100 and 1,000 stations through this machine's line; writes bench/results
	@$(BIN)/python bench/stations.py $(ARGS)

bench-models: ## Measure models by runtime and precision: DIRS="SET ..." in MVTec AD layout; goes on where it stopped
	@$(if $(wildcard .venvs/torch/.ready),.venvs/torch/bin/python,$(BIN)/python) bench/models.py $(DIRS) $(ARGS)

driftbench: setup $(filter .uv/bin/uv,$(UV)) ## Measure drift on streams and on frames that go wrong; writes bench/results; goes on where it stopped
	@OMP_NUM_THREADS=1 $(UV) run --quiet --no-sync --with river==0.26.1 --with matplotlib==3.11.2 python bench/driftbench/streams.py
	@OMP_NUM_THREADS=1 $(BIN)/python bench/driftbench/images.py $(ARGS)

clean: ## Remove what make made (environments and fetched servers too)
	rm -rf .venv .venvs .uv .cache .mypy_cache .pytest_cache .ruff_cache .hypothesis
