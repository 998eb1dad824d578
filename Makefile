# What people and CI run. Every target installs what it needs; `make` alone says what there is.

export PATH := $(CURDIR)/.tools/bin:$(PATH)
cargo_test := cargo test --locked --features failpoints
chart := helm/landlord

# The seed plans the rounds and the calls; without one it is drawn, and printed.
ROUNDS ?= 500
CALLS ?= 1000000
FILES ?= 20000
MEGABYTES ?= 1024
GIBIBYTES ?= 10
ASSETS ?= 1000000
SEED ?=
# Where a tenant of real files has its content: folder, moto or s3s-fs.
STORE ?= folder
# Another landlord than the one that is built with the tests, such as target/release/landlord.
PROGRAM ?=
program = $(if $(PROGRAM),LANDLORD_PROGRAM=$(abspath $(PROGRAM)))

.PHONY: help run test model mutants e2e crash across real-input large-input many-assets bench lint lint-rust lint-docs lint-deps lint-proto lint-chart proto

help:
	@echo "make run    start Landlord with a private Postgres; ARGS='--fresh' and such are passed on"
	@echo "make test   the tests"
	@echo "make model  more than five million states of the lifecycle and its leases"
	@echo "make mutants  one check, policy or constraint left out at a time, and a test that notices"
	@echo "make e2e    the tests that use other real programs as well, and the chart"
	@echo "make crash  replicas killed and stopped, Postgres too, in ROUNDS=500 rounds that a SEED plans"
	@echo "make across  CALLS=1000000 calls at random across tenants, that a SEED plans, and what must not be told in none of them"
	@echo "make real-input  a tenant of FILES=20000 real files with MEGABYTES=1024 is backed up, downloaded, opened, taken in elsewhere and restored; STORE=folder, moto or s3s-fs"
	@echo "make large-input  the same with one asset of GIBIBYTES=10, in little memory"
	@echo "make many-assets  the same with ASSETS=1000000 small ones"
	@echo "make bench  what lists take at a million tenants, against a thousand; backups against restic, borg and others"
	@echo "make lint   formatting, clippy, documentation, dependencies, protos"
	@echo "make proto  format and lint the protos"

run:
	@printf '== PostgreSQL: '; sh tests/tools/postgres.sh
	cargo run -- dev $(ARGS)

test:
	@printf '== PostgreSQL: '; sh tests/tools/postgres.sh
	$(cargo_test)

# Landlord and the model are optimized, the dependencies stay as they are for the tests: else it takes ten times as long.
model:
	CARGO_PROFILE_DEV_OPT_LEVEL=1 $(cargo_test) --test leases -- --ignored --nocapture

mutants:
	@printf '== PostgreSQL: '; sh tests/tools/postgres.sh
	$(cargo_test) --test all -- --ignored --exact --nocapture mutants::each_is_noticed

# The tests named e2e_… are marked as ignored, so that `make test` needs no other programs.
e2e: lint-chart
	@printf '== PostgreSQL: '; sh tests/tools/postgres.sh
	@printf '== grpcurl: '; sh tests/tools/grpcurl.sh
	@printf '== aiosmtpd: '; sh tests/tools/aiosmtpd.sh
	@printf '== oidc-provider: '; sh tests/tools/oidc-provider.sh
	@printf '== moto: '; sh tests/tools/moto.sh
	@printf '== s3s-fs: '; sh tests/tools/s3s-fs.sh
	@printf '== zstd: '; sh tests/tools/zstd.sh
	$(cargo_test) --test all -- --ignored e2e

crash:
	@printf '== PostgreSQL: '; sh tests/tools/postgres.sh
	ROUNDS=$(ROUNDS) SEED=$(SEED) $(cargo_test) --test all -- --ignored --exact --nocapture \
		crashes::rounds::nothing_is_lost_doubled_or_stuck_in_any_round

across:
	@printf '== PostgreSQL: '; sh tests/tools/postgres.sh
	$(program) CALLS=$(CALLS) SEED=$(SEED) $(cargo_test) --test all -- --ignored --exact --nocapture \
		matrix::across::no_canary_is_told_in_any_call_across_tenants

real-input:
	@printf '== PostgreSQL: '; sh tests/tools/postgres.sh
	@printf '== zstd: '; sh tests/tools/zstd.sh
	$(if $(filter moto s3s-fs,$(STORE)),@printf '== $(STORE): '; sh tests/tools/$(STORE).sh)
	$(program) STORE=$(STORE) FILES=$(FILES) MEGABYTES=$(MEGABYTES) SEED=$(SEED) $(cargo_test) --test all -- --ignored --exact --nocapture \
		backups::real::what_a_tenant_of_real_files_had_comes_back_as_it_was

large-input:
	@printf '== PostgreSQL: '; sh tests/tools/postgres.sh
	@printf '== zstd: '; sh tests/tools/zstd.sh
	$(program) GIBIBYTES=$(GIBIBYTES) $(cargo_test) --test all -- --ignored --exact --nocapture \
		backups::large::one_asset_of_many_gibibytes_comes_back_as_it_was_and_takes_little_memory

many-assets:
	@printf '== PostgreSQL: '; sh tests/tools/postgres.sh
	@printf '== zstd: '; sh tests/tools/zstd.sh
	$(program) ASSETS=$(ASSETS) $(cargo_test) --test all -- --ignored --exact --nocapture \
		backups::many::a_million_assets_are_handled_like_a_few_and_take_little_memory

bench:
	@printf '== PostgreSQL: '; sh tests/tools/postgres.sh
	@printf '== restic, borg: '; sh tests/tools/backup-tools.sh
	cargo bench --locked --bench lists
	cargo bench --locked --bench backups

lint: lint-rust lint-docs lint-deps lint-proto

lint-rust:
	@echo "== formatting and clippy"
	cargo fmt --check
	cargo clippy --locked --all-targets --features failpoints -- -D warnings

lint-docs:
	@echo "== documentation"
	RUSTDOCFLAGS="-D warnings" cargo doc --locked --no-deps --document-private-items --features failpoints

lint-deps:
	@printf '== dependencies: '; sh tests/tools/cargo-deny.sh
	cargo-deny --log-level error check bans licenses sources

lint-proto:
	@printf '== protos: '; sh tests/tools/buf.sh
	buf format --diff --exit-code proto
	buf lint proto
	sh tests/tools/proto-breaking.sh

lint-chart:
	@printf '== chart: '; sh tests/tools/helm.sh
	sh tests/tools/chart.sh $(chart)

proto:
	@printf '== protos: '; sh tests/tools/buf.sh
	buf format --write proto
	buf lint proto
