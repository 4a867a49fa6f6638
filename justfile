# Keyway's front door. `just` lists what there is.

export PATH := justfile_directory() / ".tools/bin:" + env("PATH")

[private]
default:
    @just --list

# Install what development needs and is missing
setup:
    script/setup all

# Run everything on this machine: gateway, console, database, sample provider, sample client
dev *ARGS:
    script/dev {{ARGS}}

# Run all tests, or those whose name contains the filter
test *FILTER:
    script/test {{FILTER}}

# All that CI checks besides the tests
check: fmt-check lint layers deny machete schema-check docs-check

# Format
fmt:
    cargo fmt --all

[private]
fmt-check:
    cargo fmt --all --check

# Lint the code and its documentation
lint:
    cargo clippy --workspace --all-targets --locked -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --locked

# Check who imports whom
layers:
    script/layers

# Check licences, banned crates and sources
deny:
    cargo fetch --locked
    cargo deny --offline --locked check licenses bans sources

# Find dependencies that nobody uses
machete:
    cargo machete

# Regenerate schema.rs from the migrations
schema:
    script/schema write

[private]
schema-check:
    script/schema check

# Regenerate what the documentation takes from the code
docs:
    script/generated-docs write

[private]
docs-check:
    script/generated-docs check

# Measure, in a release build on a Postgres of its own
bench *ARGS:
    script/bench {{ARGS}}

# Take screenshots of every page into e2e/screenshots
screenshots:
    script/e2e screenshots
