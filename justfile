# What a person types; CI runs the same. `just` alone lists the recipes.

_default:
    @just --list

# Everything CI checks
ci:
    .ci/run

# The whole check of the program
test:
    cargo test

# Form, lints and docs
lint:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps
    cargo deny check bans licenses sources

# The dashboard on the built-in simulator; nothing costs anything
demo:
    cargo run --release -- --demo

# Record the examples of docs/commands.md and the keys of the README anew
examples:
    EXAMPLES=write cargo test --test it examples

# The numbers to hold
bench *ARGS:
    cargo bench {{ARGS}}

# One fuzz target for a while (cargo-fuzz and a nightly compiler are needed)
fuzz TARGET SECONDS="60":
    cargo +nightly fuzz run {{TARGET}} -- -max_total_time={{SECONDS}}

# Whole lives of jobs under faults, from many seeds; LIFE_SEED=n replays one
lives N="2000":
    LIVES={{N}} cargo test --test it lives -- --nocapture

# The real binary killed N times through three doors (script, headless, dashboard); prints the table of docs/reliability.md
kills N="1000":
    KILLS={{N}} cargo test --test it kills_through_three_doors -- --nocapture
