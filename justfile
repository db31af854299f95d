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
    cargo machete .
    cargo deny check bans licenses sources

# Everything that is handed out, into dist/: .deb, .rpm, plain archive, SBOM, checksums; the same bytes wherever it is built
dist:
    packaging/dist

# Build dist/ in two homes and compare every byte
dist-twice:
    packaging/twice

# Install dist/*.deb into a fresh root, start it there, remove it again
try-deb:
    packaging/try-deb

# The dashboard on the built-in simulator; nothing costs anything
demo:
    cargo run --release -- --demo

# A published OpenAPI text against the simulator, with a property-based tester
try-api FILE CASES="300":
    packaging/try-api '{{FILE}}' {{CASES}}

# Record the demo as an asciicast, docs/demo.cast
film:
    cargo build --release
    packaging/film target/release/mj-enhance docs/demo.cast

# Record the examples of docs/commands.md, the keys of the README and its screen anew
examples: screen
    EXAMPLES=write cargo test --test it examples

# Draw the screen of the README anew: docs/screen.svg and the block of text
screen:
    EXAMPLES=write cargo test --lib the_readme_shows_what_the_program_shows

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
    LIVES={{N}} cargo test --release --test it lives_from -- --nocapture

# Does a test fail for each small change of a file? Needs `cargo install --locked cargo-mutants`; the files are in .cargo/mutants.toml
mutants *FILES:
    cargo mutants {{ if FILES == "" { "" } else { "--file " + replace(FILES, " ", " --file ") } }}

# The real binary killed N times through three doors (script, headless, dashboard); prints the table of docs/reliability.md
kills N="1000":
    KILLS={{N}} cargo test --test it kills_through_three_doors -- --nocapture
