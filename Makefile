# stockpipe: every command a person or CI types. `make help` lists them.

DEMO_ARGS ?= --data .demo
CARGO ?= cargo
RELEASE = $${CARGO_TARGET_DIR:-target}/release
SERVERS = $(CARGO) run --locked -q -p stockpipe-servers --bin stockpipe-servers --
CLUSTER = $(CARGO) run --locked -q -p stockpipe-cluster --bin stockpipe-cluster --

.DEFAULT_GOAL := help
.PHONY: help demo test test-fast test-long bench bench-spark profile parity lint fmt generate clean-cache up down env cluster-up cluster-down cluster-env

help: ## This list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## The whole pipeline in one process, from examples/pipeline.yaml; the URL is printed. Ctrl-C drains
	@$(CARGO) build --locked --release --bin stockpipe
	@exec $${CARGO_TARGET_DIR:-target}/release/stockpipe local -f examples/pipeline.yaml $(DEMO_ARGS)

up: ## Real Kafka, HDFS and Cassandra on this machine, kept running; prints the environment for `stockpipe -f examples/pipeline.yaml`
	@$(SERVERS) up $(SERVERS_ARGS)

down: ## Ends them; WIPE=1 removes their data too
	@$(SERVERS) down $(if $(WIPE),--wipe) $(SERVERS_ARGS)

env: ## Prints the environment that talks to them: eval "$$(make -s env)"
	@$(SERVERS) env $(SERVERS_ARGS)

cluster-up: ## A real Kubernetes node on this machine (needs root), built from Go modules the first time; prints the environment for kubectl and helm
	@tests/cluster/prepare >/dev/null
	@$(CLUSTER) up $(CLUSTER_ARGS)

cluster-down: ## Ends it and removes all of it
	@$(CLUSTER) down $(CLUSTER_ARGS)

cluster-env: ## Prints the environment for kubectl and helm: eval "$$(make -s cluster-env)"
	@$(CLUSTER) env $(CLUSTER_ARGS)

test: ## Every test; ends with `N passed, N failed, N skipped`
	@tests/stages/run all

test-fast: ## The inner loop: pure crates, ports and roles, without the browser and the real process kills
	@tests/stages/run fast

test-long: ## Full sizes: more seeds, more kills, longer properties. Takes long; run by hand
	@STOCKPIPE_LONG=1 tests/stages/run all

bench: ## Speed and memory as ratios against a peer in the same run; writes target/bench/report.json. Starts servers if need be
	@$(CARGO) build --locked --release --bin stockpipe --bin stockpipe-operator --bin stockpipe-bench
	@tests/bench/with-servers $(RELEASE)/stockpipe-bench --servers --cluster $(BENCH_ARGS)

bench-spark: ## The same load through the Spark job that this replaces, from PyPI and Maven Central
	@$(CARGO) build --locked --release --bin stockpipe --bin stockpipe-bench
	@STOCKPIPE_SPARK=$$(tests/parity/prepare spark) tests/bench/with-servers \
		$(RELEASE)/stockpipe-bench --servers --spark --only replaced_job $(BENCH_ARGS)

profile: ## Where a worker's CPU time goes on real servers: the ten most expensive functions, by perf
	@$(CARGO) build --locked --release --bin stockpipe --bin stockpipe-bench
	@tests/bench/with-servers tests/bench/profile $(RELEASE)

parity: ## Spark computes the windows of the same topic: every final row must be equal
	@$(CARGO) build --locked --workspace --bin stockpipe
	@tests/bench/with-servers tests/parity/run $${CARGO_TARGET_DIR:-target}/debug/stockpipe $(PARITY_ARGS)

lint: ## Format check and clippy, warnings are errors
	@$(CARGO) fmt --all --check
	@$(CARGO) clippy --locked --workspace --all-targets -- -D warnings

fmt: ## Formats the sources
	@$(CARGO) fmt --all

generate: ## Writes the generated files (CRD YAML and its chart, the reference; rules, alerts and dashboards of the operator's chart; the manual's table of cases)
	@$(CARGO) run --locked -q -p stockpipe-crds --bin crdgen
	@$(CARGO) run --locked -q -p stockpipe-parity --bin parity-table
	@$(CARGO) build --locked -q -p stockpipe-operator --bin stockpipe-operator
	@charts/rules $${CARGO_TARGET_DIR:-target}/debug/stockpipe-operator charts/stockpipe-operator/files
	@cp monitoring/alerts.yaml charts/stockpipe-operator/files/
	@cp monitoring/dashboards/*.json charts/stockpipe-operator/files/dashboards/

clean-cache: ## Removes what the tests keep outside the clone
	@tests/stages/run clean-cache
