# The same scripts that CI runs, under short names. https://just.systems

# List the recipes.
default:
    @just --list

# Run every check, or only the named steps: fmt imports clippy test doctest docs deny package deploy.
test *steps:
    scripts/test {{ steps }}

# Format all code.
fmt:
    cargo fmt --all

# Check format, lints and dependencies.
lint:
    scripts/test fmt clippy deny

# Build the API documentation, warnings refused.
docs:
    scripts/test docs

# Start the AWS emulators and print their addresses; Ctrl-C ends them.
emulators:
    scripts/emulators serve

# Build the Lambda function's zip, for arm64: target/lambda/keyrot/bootstrap.zip.
lambda-zip *args:
    scripts/lambda-zip {{ args }}

# Build the files of a release: archives, image, bill of materials, checksums.
release *args:
    scripts/release {{ args }}

# Run the benchmarks.
bench *args:
    cargo bench --workspace --all-features {{ args }}

# Play the lifecycle of a key on the embedded sandbox.
demo:
    cargo run --quiet --release --package keyrot-cli -- demo
