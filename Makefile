# The commands of the project. Each builds in the one release profile, so what
# one has compiled serves the others; the target folder is outside of the clone
# and can be shared by clones.
#
#   TARN_TARGET_DIR   the target folder [default: ~/.cache/tarn/target]
#   SOAK_MINUTES      how long soak takes [default: 10]
#   GUARDS            the guards that test-guards takes out [default: all]

export SOAK_MINUTES
export TARN_TARGET_DIR ?= $(or $(CARGO_TARGET_DIR),$(HOME)/.cache/tarn/target)
CARGO := scripts/cargo
TARN := $(TARN_TARGET_DIR)/release/tarn

.PHONY: help build install demo test test-guards soak bench bench-peers bench-server fmt lint

help:
	@echo 'make demo         build, and show what Tarn does on sample logs'
	@echo 'make test         run all tests'
	@echo 'make test-guards  take out each guard in turn and see its test fail'
	@echo 'make soak         kill, refuse and load it for SOAK_MINUTES'
	@echo 'make bench        measure the parts of Tarn'
	@echo 'make bench-peers  measure Tarn beside DuckDB and ClickHouse'
	@echo 'make bench-server measure a server under load'
	@echo 'make build        build $(TARN)'
	@echo 'make install      install tarn to ~/.cargo/bin'
	@echo 'make lint         what CI asks of the code besides its tests'

# Always the whole workspace: for one package cargo would choose other features
# of the dependencies, and compile RocksDB and DataFusion a second time.
build:
	$(CARGO) build --release --workspace --bin tarn

install: build
	install -D -m 755 $(TARN) $(HOME)/.cargo/bin/tarn

demo: build
	$(TARN) demo

# The binary comes first: the tests of the command line run it.
test: build
	$(CARGO) test --release --workspace

# Builds its own tests, unoptimised: see tests/guards/run.
test-guards:
	tests/guards/run $(GUARDS)

# Goes on where the last run ended: see tests/soak/run.
soak:
	tests/soak/run

bench: build
	$(CARGO) bench --workspace --bench parts -- $(ARGS)
	benches/instructions $(TARN)

# ARGS: sizes and options, see benches/peers/run.py --help.
bench-peers: build
	benches/peers/run.py --tarn $(TARN) $(ARGS)

# ARGS: length, size and rates, see benches/server/run.py --help.
bench-server: build
	benches/server/run.py --tarn $(TARN) $(ARGS)

fmt:
	$(CARGO) fmt --all

lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --release --workspace --all-targets -- -D warnings
