# Python tools, each set in its own virtual environment under target/tools. To be sourced.

# The first Python that is new enough. The newest Python on a machine may not be the one called python3.
find_python() {
    local python
    for python in ${KEYROT_PYTHON:-} python3 python3.11 python3.12 python3.13; do
        if "$python" -c 'import sys; sys.exit(sys.version_info < (3, 10))' 2>/dev/null; then
            echo "$python"
            return
        fi
    done
    echo "no Python 3.10 or newer found; install one, or name it in KEYROT_PYTHON" >&2
    return 1
}

# python_tools NAME REQUIREMENTS: installs them once, and again when the file changes. Prints the environment's folder.
python_tools() {
    local home=${CARGO_TARGET_DIR:-$PWD/target}/tools/$1 requirements=$2 python wanted
    python=$(find_python) || return 1
    wanted=$(cat "$requirements")
    if [[ ! -f $home/installed || $(<"$home/installed") != "$wanted" ]]; then
        echo "installing the tools of $requirements into $home (once)" >&2
        rm -rf "$home"
        mkdir -p "${home%/*}"
        # Debian ships venv and pip without ensurepip: the outer pip can install into an environment that has none.
        if "$python" -c 'import ensurepip' 2>/dev/null; then
            "$python" -m venv "$home" >&2 || return 1
        else
            "$python" -m venv --without-pip "$home" >&2 || return 1
        fi
        "$python" -m pip --disable-pip-version-check --python "$home/bin/python" install --quiet --require-hashes --no-deps --requirement "$requirements" >&2 || return 1
        # Written last, so that an interrupted installation is repeated.
        printf '%s\n' "$wanted" >"$home/installed"
    fi
    echo "$home"
}
