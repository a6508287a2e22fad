# Tools from crates.io, each pinned and installed once under target/tools. To be sourced.

# cargo_tool NAME VERSION [ARGUMENT...]: prints the path of its binary. Built without optimization: it takes one to two minutes once, and
# none of them needs speed. Its own lock file pins its dependencies.
cargo_tool() {
    local name=$1 version=$2 tools=${CARGO_TARGET_DIR:-$PWD/target}/tools
    shift 2
    if [[ $("$name" --version 2>/dev/null) == "$name $version" ]]; then
        command -v "$name"
        return
    fi
    if [[ ! -x $tools/$name-$version/bin/$name ]]; then
        echo "installing $name $version into $tools (once)" >&2
        CARGO_TARGET_DIR=$tools/build \
            CARGO_PROFILE_RELEASE_OPT_LEVEL=0 CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=256 \
            cargo install --quiet --locked "$@" "$name@$version" --root "$tools/$name-$version" >&2 ||
            return 1
        rm -rf "$tools/build"
    fi
    echo "$tools/$name-$version/bin/$name"
}
