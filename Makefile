# Longshore: everything a developer runs. `make help` lists the targets.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
MODEL ?= models/digits
PORT ?= 8000
SOAK_SECONDS ?= 900
FUZZ_INPUTS ?= 1000000
PACKAGES ?= batching execution rest
HOST ?= http://localhost:$(PORT)
LOCUST_ARGS ?=
TRUTH_ARGS ?=
BENCH_ARGS ?=
CANDIDATE_ARGS ?=
PYTEST_ARGS ?=
WORKERS ?= 2
HERE := -m 'not cluster and not gpu and not soak and not image and not guides and not browser and not models'
# Tests of a server under load, which need the machine for themselves; the others share it.
ALONE := tests/capacity/test_local_measurement.py tests/integration/test_attacks.py tests/monitoring/test_numbers.py
ORACLE_ARGS ?=
SCREENSHOTS ?= docs/console
VERSION := $(shell sed -n 's/^__version__ = "\(.*\)"/\1/p' server/longshore/__init__.py)
# BUILDER="docker build" where Docker is at hand. The machine's certificates are for registries behind a proxy.
BUILDER ?= buildah build --layers --network host --volume /etc/ssl/certs:/etc/ssl/certs:ro
IMAGE_ARGS ?=
# Where the code is published, for the images' label.
SOURCE ?= unknown
IMAGE_REPOSITORY ?=
HELM ?= helm

.DEFAULT_GOAL := help
.PHONY: $(shell grep -oE '^[a-z-]+:' Makefile | tr -d :)

help: ## List the targets
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 22

$(VENV)/.serve: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[onnx]'
	@touch $@

$(VENV)/.dev: $(VENV)/.serve
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[onnx,torch,plan,controller,loadtest,dev]'
	@touch $@

serve: $(VENV)/.serve ## Serve the example model until Ctrl-C
	@echo "Longshore serves $(MODEL). Once it says 'model ready', ask it from another terminal:"
	@echo
	@echo "  curl -s localhost:$(PORT)/v2/models/$(notdir $(MODEL))/infer -d @$(MODEL)/request.json"
	@echo
	@exec $(BIN)/longshore serve $(MODEL) --port $(PORT)

check: $(VENV)/.dev ## Format, lint, types and import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(VENV)/.dev ## Format the code
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# What the tests start loads compiled modules: without, each of some hundred servers would compile them again.
test: export PYTHONDONTWRITEBYTECODE :=
test: $(VENV)/.dev ## Every test that needs no cluster and no GPU (under 10 minutes on 2 cores)
	$(BIN)/pytest $(HERE) --numprocesses $(WORKERS) --dist loadfile --no-loadscope-reorder $(ALONE:%=--ignore=%) $(PYTEST_ARGS)
	$(BIN)/pytest $(HERE) $(ALONE) $(PYTEST_ARGS)

coverage: $(VENV)/.dev ## The same with branch coverage of `longshore`
	$(BIN)/pytest $(HERE) --cov --cov-report=term-missing:skip-covered

attacks: $(VENV)/.dev ## Drains, overload, hostile clients and swaps, with their figures (10 minutes), and harmful versions, with bars (root; 55 minutes); alone on the machine
	$(BIN)/python -m tests.attacks.measure
	$(BIN)/python -m tests.attacks.candidates $(CANDIDATE_ARGS)

truth: $(VENV)/.dev ## Whether utilization is true, by CPU limit, beside a neighbour, after a swap (root, wrk; 2 hours)
	$(BIN)/python -m tests.truth.measure $(TRUTH_ARGS)

fuzz: $(VENV)/.dev ## Fuzz every parser of untrusted bytes with FUZZ_INPUTS mutated inputs (1,000,000 take 5 minutes)
	FUZZ_INPUTS=$(FUZZ_INPUTS) $(BIN)/python -m tests.attacks.measure fuzz

mutants: $(VENV)/.dev ## Change each comparison and constant on the way of a request, and count what the tests notice
	$(BIN)/python -m tests.mutants.measure $(PACKAGES)

hpa-oracle: $(VENV)/.dev ## Record what the HPA controllers of two minors decide, in virtual time, and compare (Go; 8 minutes)
	$(BIN)/python -m tests.replay.oracle.record $(ORACLE_ARGS)

simulate-rollouts: $(VENV)/.dev ## Canaries that fail at known rates: requests until each is taken back, and healthy ones that are (5 minutes)
	$(BIN)/python -m tests.controller.judging.simulation

soak: $(VENV)/.dev ## Ordinary and hostile traffic for SOAK_SECONDS: memory, descriptors and p99 stay flat
	SOAK_SECONDS=$(SOAK_SECONDS) $(BIN)/pytest -m soak tests/integration --capture no

test-console: $(VENV)/.dev ## The console in a real Chromium (Debian: apt-get install chromium); renews the README's pictures
	SCREENSHOTS=$(SCREENSHOTS) $(BIN)/pytest -rs tests/console $(PYTEST_ARGS)

test-models: $(VENV)/.dev ## Train and export the example models again: the same files bit for bit
	$(BIN)/pytest tests/models $(PYTEST_ARGS)

test-guides: build/guides-venv ## Follow the guides of docs/guides from their own text
	PATH=$(abspath $(BIN)):$$PATH $</bin/python -m pytest -rs tests/guides

# What only guides install, beside what is in $(VENV): torch is not installed twice.
build/guides-venv: $(VENV)/.dev tests/guides/constraints.txt
	$(PYTHON) -m venv $@
	echo "import site; site.addsitedir('$(abspath $(VENV))/lib/$(notdir $(wildcard $(VENV)/lib/python3*))/site-packages')" \
		> $@/lib/$(notdir $(wildcard $(VENV)/lib/python3*))/site-packages/developing.pth
	$@/bin/pip install --quiet --constraint constraints.txt --constraint tests/guides/constraints.txt \
		lightgbm onnxmltools transformers
	@touch $@

image-cpu image-gpu: IMAGE ?= longshore:$(VERSION)-$(@:image-%=%)
image-cpu image-gpu: image-%: Dockerfile.%
	$(BUILDER) --file $< --build-arg VERSION=$(VERSION) $(IMAGE_ARGS) --tag $(IMAGE) \
		--build-arg REVISION=$(shell git rev-parse --verify --quiet HEAD || echo unknown) \
		--build-arg CREATED=$(shell git show --no-patch --format=%cI HEAD 2>/dev/null || echo unknown) \
		--build-arg SOURCE=$(SOURCE) .

image-cpu: ## Build the CPU image; IMAGE_ARGS="--build-arg EXTRAS=onnx,torch,otel" chooses backends
image-gpu: ## Build the GPU image

version: ## Print the version
	@echo $(VERSION)

chart-image: CHART ?= chart
chart-image: ## Write IMAGE_REPOSITORY into the charts in CHART, as the image that they run where no value says another
	sed -i 's|^  repository: ""|  repository: "$(IMAGE_REPOSITORY)"|' $(CHART)/values.yaml $(CHART)/controller/values.yaml
	sed -i 's|"default": {"repository": ""|"default": {"repository": "$(IMAGE_REPOSITORY)"|' $(CHART)/files/value-types.json

chart-package: ## Package the chart and the controller's into build/, with IMAGE_REPOSITORY as the image that they run
	rm -rf build/chart && mkdir -p build && cp -r chart build/chart
	$(MAKE) --no-print-directory chart-image CHART=build/chart
	for chart in build/chart build/chart/controller; do \
		$(HELM) package $$chart --destination build --version $(VERSION) --app-version $(VERSION) || exit 1; \
	done

image-base: $(VENV)/.dev ## Make a stand-in for the images' base, where no registry is at hand (root, debootstrap)
	$(BIN)/python -m tests.cluster.tools.base_image $(shell sed -n 's/^ARG BASE_IMAGE=//p' Dockerfile.cpu)

test-image: $(VENV)/.dev ## Build the CPU image and run it as the chart would (root, buildah, runc)
	$(BIN)/pytest -m image tests/images

cluster-tools: image-base ## Build what `make test-cluster` runs: Kubernetes, Helm 4 and 3, the adapter, KEDA (Go, npm)
	$(BIN)/python -m tests.cluster.tools.build
	$(BIN)/python -m tests.cluster.tools.helm3
	$(BIN)/python -m tests.cluster.tools.custom_kinds

test-cluster test-cluster-quick: cluster-tools
	$(BIN)/python -m tests.cluster.image
	$(BIN)/pytest -m '$(SCENARIOS)' tests/cluster --capture no --durations 15 $(PYTEST_ARGS)

test-cluster: SCENARIOS = cluster and not shipped_clocks
test-cluster: ## Build the images, and prove the charts on a real control plane (root; 75 minutes)
test-cluster-quick: SCENARIOS = cluster and not shipped_clocks and not slow
test-cluster-quick: ## The same without what takes minutes or needs a calm machine (root; 30 minutes); in .ci/run

test-cluster-clocks: cluster-tools ## Loads followed with the shipped timings (root; 50 minutes)
	$(BIN)/python -m tests.cluster.image
	$(BIN)/pytest -m shipped_clocks tests/cluster --capture no

test-gpu: $(VENV)/.dev ## Answers, faults and metrics on a GPU; skipped with the reason where there is none
	$(BIN)/pytest -m gpu -rs tests/gpu

bench-gpu: $(VENV)/.dev ## Raw framework beside served, on a GPU (needs wrk; about 80 minutes)
	$(BIN)/python -m tests.gpu.bench_gpu

docs: $(VENV)/.dev ## Bring the documents' tables, the chart's schema and the custom resource's definition up to date
	$(BIN)/python -m tests.contracts.document_tables

bench: $(VENV)/.dev ## Measure against an echo and bare onnxruntime (needs wrk; 20 minutes)
	$(BIN)/python -m loadtests.bench $(BENCH_ARGS)

bench-peers: $(VENV)/.dev ## The same beside MLServer, LitServe, BentoML, TorchServe, KServe and Triton
	$(BIN)/python -m loadtests.bench --peers $(BENCH_ARGS)

loadtest: $(VENV)/.dev ## Load HOST with locust; LOCUST_ARGS="--headless --users 8 --run-time 1m" runs it unattended
	$(BIN)/locust -f loadtests/locustfile.py --host $(HOST) $(LOCUST_ARGS)

render: $(VENV)/.dev ## Renew the golden renders of the chart's examples
	$(BIN)/python -m tests.chart.golden_renders

check-chart: build/checkov ## Checkov's Kubernetes checks of the golden renders
	build/checkov/bin/checkov --config-file chart/ci/checkov.yaml --directory tests/chart/golden

build/checkov: # An environment of its own: its pins clash with ours.
	$(PYTHON) -m venv $@
	$@/bin/pip install --quiet 'checkov==3.3.30'

clean: ## Remove what the targets made
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache .coverage
