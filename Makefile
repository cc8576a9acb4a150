# Everything a newcomer needs. Each target says what it does in one line; `make` prints them.

# One version of Kubernetes throughout a run, found once.
WITH_ASSETS = assets=$$(hack/control-plane assets) && KUBEBUILDER_ASSETS=$$assets

# Tests wait most of the time, for a process to start or a write to show.
export RUST_TEST_THREADS ?= $(shell expr 2 \* $$(getconf _NPROCESSORS_ONLN))

# Built with optimisation: 950 seeds are 2 million steps.
SIMULATE = cargo run --quiet --profile simulation --package ivschat-simulation --

.DEFAULT_GOAL := help
.PHONY: help demo test test-oldest simulate simulate-mutants chaos fuzz bench image e2e generate lint

help: ## Print this
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 18

demo: ## Show the operator's whole job on this machine; KEEP=1 leaves it running, VERBOSE=1 shows its log
	@KEEP="$(KEEP)" VERBOSE="$(VERBOSE)" hack/demo

test: ## Run every test, against a real kube-apiserver, the local IVS Chat, boto3 and the AWS CLI
	@hack/clients >/dev/null
	$(WITH_ASSETS) cargo test --workspace
	cargo test --quiet --profile simulation --package ivschat-simulation --test protocol -- --ignored
	@$(SIMULATE) --seeds 950

test-oldest: ## Run the marked part of the operator's tests, with K8S_VERSION=1.34 on that version
	$(WITH_ASSETS) cargo test --quiet --test operator -- $$(sed -n 's/^mod \([a-z_]*\); \/\/ oldest$$/\1::/p' tests/operator/main.rs)

simulate: ## Run the operator's code on virtual time, SEEDS times with everything going wrong; SEED=7 tells the story of one
	$(SIMULATE) $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),1000))

simulate-mutants: ## Put faults into a copy of the operator's code, one by one; the simulation has to find each
	hack/simulate-mutants

chaos: ## Let everything go wrong that can, at every call of the operator; CHAOS_FILTER picks cases by name
	$(WITH_ASSETS) CHAOS_CASES="$${CHAOS_CASES:-all}" cargo test --quiet --test chaos

fuzz: ## Throw a million raw requests at the local IVS Chat; FUZZ_INPUTS says how many
	FUZZ_INPUTS="$${FUZZ_INPUTS:-1000000}" cargo test --quiet --release -p ivschat-emulator --test fuzz -- --nocapture

bench: ## Measure the local IVS Chat, then the operator and its rivals: 6 hours; BENCH_ROWS=P1,P6 and BENCH_SCALE=20 shorten that
ifndef BENCH_RENDER
	cargo bench --quiet -p ivschat-emulator --bench throughput
ifndef BENCH_OPERATOR
	cargo build --quiet --profile image --bin ivschat-operator
endif
	@for rival in kube-rs controller-runtime kopf; do \
	  case ",$${BENCH_ONLY:-$$rival}," in \
	    *,$$rival,*) benches/rivals/build $$rival || echo "bench: $$rival cannot be built here: left out" >&2 ;; \
	  esac; \
	done
endif
	$(WITH_ASSETS) BENCH_WRITE=1 cargo bench --quiet --profile simulation --bench operator

image: ## Build the operator's image into target/ivschat-operator.tar, without a Docker engine
	hack/image operator target/ivschat-operator.tar

e2e: ## Put the chart to the test on a real cluster; E2E holds the arguments of hack/e2e, which says what it needs
	hack/e2e $(E2E)

generate: ## Write the generated files anew
	cargo run --quiet -- crds > crds/chatrooms.yaml.partial
	mv crds/chatrooms.yaml.partial crds/chatrooms.yaml
	cp crds/chatrooms.yaml charts/ivschat-operator/files/chatrooms.yaml
	cargo run --quiet --example api-reference > docs/api.md.partial
	mv docs/api.md.partial docs/api.md
	hack/aws-policy
	hack/kube-state-metrics/values
	hack/dashboard > charts/ivschat-operator/files/dashboard.json.partial
	mv charts/ivschat-operator/files/dashboard.json.partial charts/ivschat-operator/files/dashboard.json
	hack/chart-readme
	hack/manifest > config/operator/operator.yaml.partial
	mv config/operator/operator.yaml.partial config/operator/operator.yaml

lint: ## Check formatting, lints and documentation
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --quiet
