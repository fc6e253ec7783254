# Lists the recipes.
default:
    @just --list

# Runs all that has to hold before a change lands.
ready:
    bash .ci/run

# Mills the seed corpus.
run *ARGS:
    cargo run --release -- {{ARGS}}

# Runs the tests; `just test repair` runs those with `repair` in their name.
test *ARGS:
    cargo test {{ARGS}}

# Shows snapshots that differ, one by one (cargo install cargo-insta).
review:
    cargo insta review

# Measures every stage and the whole run.
bench *ARGS:
    cargo bench -- {{ARGS}}

# Fuzzes `decode` or `repair` for ten minutes (cargo install cargo-fuzz; needs nightly Rust).
fuzz TARGET:
    cargo +nightly fuzz run {{TARGET}} -- -max_total_time=600 -max_len=4096

# Writes the schema that editors use.
schema:
    cargo run --release -- schema > docs/pipeline.schema.json
