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

# The program as it is given away: the same bytes from the same source, whoever builds it and wherever, and no path of the
# builder in it
release:
    #!/usr/bin/env bash
    set -euo pipefail
    cargo_home="${CARGO_HOME:-$HOME/.cargo}"
    export CARGO_ENCODED_RUSTFLAGS="--remap-path-prefix=$PWD=/mj-enhance"$'\x1f'"--remap-path-prefix=$cargo_home=/cargo"$'\x1f'"--remap-path-prefix=$(rustc --print sysroot)=/rust"
    export CFLAGS="${CFLAGS:-} -ffile-prefix-map=$PWD=/mj-enhance -ffile-prefix-map=$cargo_home=/cargo"
    SOURCE_DATE_EPOCH="$(git log -1 --format=%ct)" cargo build --release --locked
    if grep -aqF -e "$HOME/" -e "$PWD/" target/release/mj-enhance; then
        echo "a path of this machine is in the binary" >&2
        exit 1
    fi
    sha256sum target/release/mj-enhance

# The dashboard on the built-in simulator; nothing costs anything
demo:
    cargo run --release -- --demo

# Record the examples of docs/commands.md and the keys of the README anew
examples:
    EXAMPLES=write cargo test --test it examples

# The numbers to hold: all of them, or one bench and its parts (`just bench dashboard idle`)
bench NAME="*" *PARTS:
    cargo bench --bench '{{NAME}}' -- {{PARTS}}

# Every fuzz target for so many seconds each, or one: `just fuzz 600 keys`. Needs `cargo install --locked cargo-fuzz` and a
# C++ compiler, but no nightly: the variable opens the compiler's unstable flags, and no sanitizer is wanted, as there is no
# `unsafe` here. `cargo test corpora` replays what is in fuzz/corpus; what a run finds new goes to fuzz/target/found first.
fuzz SECONDS="60" *TARGETS="answers config errors keys life names preview queries retry_after specs store terminal text":
    #!/usr/bin/env bash
    set -euo pipefail
    export RUSTC_BOOTSTRAP=1
    cargo fuzz build -s none
    for target in {{TARGETS}}; do
        mkdir -p "fuzz/target/found/$target"
        cargo fuzz run -s none "$target" "fuzz/target/found/$target" "fuzz/corpus/$target" -- \
            -max_total_time={{SECONDS}} -max_len=4096 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1
    done

# Whole lives of jobs under faults, from many seeds; LIFE_SEED=n replays one
lives N="2000":
    LIVES={{N}} CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 \
        cargo test --release --test it lives_from -- --nocapture

# The real binary killed N times through three doors (script, headless, dashboard); prints the table of docs/reliability.md
kills N="1000":
    KILLS={{N}} cargo test --test it kills_through_three_doors -- --nocapture
