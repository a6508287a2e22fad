"""Runs moto and ministack on loopback while one command runs. Called by scripts/emulators, which documents the usage."""

import contextlib
import ctypes
import fcntl
import hashlib
import importlib.util
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
HOME = pathlib.Path(os.environ.get("KEYROT_VENV") or ROOT / "target" / "emulators").absolute()
REQUIREMENTS = ROOT / "tests-support" / "requirements.txt"

# Loaded machines are slow to start Python; an emulator that isn't up by then won't come up.
START_TIMEOUT = 60.0
# The time between asking a process to end and killing it.
STOP_TIMEOUT = 5.0
# Another process can take a free port between this check and the emulator's bind.
START_ATTEMPTS = 3

# Loaded here, because little is allowed between fork and exec.
LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
PR_SET_PDEATHSIG = 1


class Failure(Exception):
    """An error for the user. The message says what to do."""


def main(arguments):
    match arguments:
        case ["setup"]:
            print(install())
            return 0
        case ["run", "--", *command] if command:
            with emulators(install()) as addresses:
                return run(command, addresses)
        case ["serve"]:
            with emulators(install()) as addresses:
                for name, value in addresses.items():
                    print(f"export {name}={value}", flush=True)
                say("both answer; Ctrl-C ends them")
                signal.pause()
        case _:
            raise Failure("usage: scripts/emulators run -- COMMAND... | serve | setup")


# ---------------------------------------------------------------- installing


def install():
    """Makes the virtual environment, unless it exists for exactly these requirements. Returns its python."""
    python = HOME / "venv" / "bin" / "python"
    stamp = HOME / "venv" / "keyrot-requirements"
    wanted = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode()).hexdigest()

    HOME.mkdir(parents=True, exist_ok=True)
    with open(HOME / "lock", "w") as lock:
        # Two test runs that start together must not both install.
        fcntl.flock(lock, fcntl.LOCK_EX)
        remove_leftovers()
        if stamp.exists() and stamp.read_text() == wanted and python.exists():
            return python
        say(f"installing the emulators into {HOME / 'venv'} (once; half a minute)")
        shutil.rmtree(HOME / "venv", ignore_errors=True)
        pip = make_venv(python)
        checked(
            [*pip, "install", "--quiet", "--require-hashes", "--no-deps", "--requirement", REQUIREMENTS],
            "pip could not install the emulators. It needs the Python package index (or a mirror: PIP_INDEX_URL)",
        )
        # Written last, so that an interrupted installation is repeated.
        stamp.write_text(wanted)
    return python


def remove_leftovers():
    """Removes the scratch folders of runs that were killed before they could clean up. A day is longer than any run."""
    for folder in HOME.glob("run-*"):
        if time.time() - folder.stat().st_mtime > 86_400:
            shutil.rmtree(folder, ignore_errors=True)


def make_venv(python):
    """Makes the virtual environment and returns the pip command that installs into it."""
    if importlib.util.find_spec("venv") is None:
        raise Failure("this Python has no venv module (Debian: apt-get install python3-venv)")
    make = [sys.executable, "-m", "venv", HOME / "venv"]
    if importlib.util.find_spec("ensurepip"):
        checked(make, "could not make a virtual environment")
        return [python, "-m", "pip", "--disable-pip-version-check"]
    # Debian ships venv and pip without ensurepip: the outer pip can install into a venv that has none.
    if importlib.util.find_spec("pip"):
        checked([*make, "--without-pip"], "could not make a virtual environment")
        return [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", python]
    raise Failure("this Python has neither ensurepip nor pip (Debian: apt-get install python3-venv)")


def checked(command, problem):
    # The child's output goes to stderr, because stdout belongs to the command that is run.
    if subprocess.run(command, stdout=sys.stderr).returncode != 0:
        raise Failure(f"{problem}; what it said stands above")


# ---------------------------------------------------------------- the emulators


@contextlib.contextmanager
def emulators(python):
    """Starts both emulators and waits until they answer. Ends exactly the processes that it started."""
    # Not under TMPDIR, nor HOME: ministack keeps pid files in the one and reads settings from the other.
    scratch = pathlib.Path(tempfile.mkdtemp(prefix="run-", dir=HOME))
    started = []
    try:
        moto = start(
            "moto",
            lambda port: [python, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            lambda port: {},
            "/moto-api/",
            scratch,
            started,
        )
        ministack = start(
            "ministack",
            lambda port: [python, "-m", "ministack"],
            lambda port: {
                # Checks signatures and policies, and refuses inactive keys.
                "AUTH": "true",
                "GATEWAY_PORT": str(port),
                # Passed on to the Lambda functions that it runs.
                "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
                "BIND_HOST": "127.0.0.1",
                "LOG_LEVEL": "WARNING",
                # No container, no second port, nothing written outside the scratch folder.
                "DOCKER_HOST": f"unix://{scratch}/no-docker.sock",
                "IOT_MTLS_ENABLED": "0",
                "SFTP_ENABLED": "0",
                "PERSIST_STATE": "0",
                "STATE_DIR": f"{scratch}/state",
                "S3_DATA_DIR": f"{scratch}/s3",
            },
            "/_ministack/ready",
            scratch,
            started,
        )
        # A test starts its own servers with this Python.
        yield {"KEYROT_TEST_MOTO": moto, "KEYROT_TEST_MINISTACK": ministack, "KEYROT_TEST_PYTHON": str(python)}
    finally:
        for process in started:
            stop(process)
        shutil.rmtree(scratch, ignore_errors=True)


def start(name, command, settings, probe, scratch, started):
    """Starts one emulator and waits until it answers. Returns its address."""
    log = scratch / f"{name}.log"
    for _ in range(START_ATTEMPTS):
        port = free_port()
        # The caller's environment is not passed on, least of all AWS credentials.
        environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(scratch),
            "TMPDIR": str(scratch),
            "PYTHONUNBUFFERED": "1",
            **settings(port),
        }
        with open(log, "wb") as output:
            process = subprocess.Popen(
                command(port),
                env=environment,
                cwd=scratch,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C is for the command: the emulators outlive it by a moment.
                start_new_session=True,
                preexec_fn=lambda: die_with_parent(signal.SIGKILL),
            )
        started.append(process)
        address = f"http://127.0.0.1:{port}"
        if wait_until_it_answers(process, address + probe):
            return address
        stop(process)
    raise Failure(f"{name} did not start; the end of its log:\n{tail(log)}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_it_answers(process, url):
    # The machine's proxy must not get loopback requests.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, OSError):
            with direct.open(url, timeout=5) as answer:
                if answer.status == 200 and process.poll() is None:
                    return True
        time.sleep(0.05)
    return False


def die_with_parent(signal_number):
    """On Linux even a SIGKILL of this script leaves no orphan: the kernel sends this signal to what it started."""
    if LIBC:
        LIBC.prctl(PR_SET_PDEATHSIG, signal_number)


def stop(process):
    """Ends one emulator. It leads its own session, so its process group has only it and its children."""
    for signal_number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal_number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_TIMEOUT)


def tail(log):
    return "\n".join(log.read_text(errors="replace").splitlines()[-20:]) if log.exists() else "(no log)"


# ---------------------------------------------------------------- the command


def run(command, addresses):
    """Runs the command with the addresses in its environment. Returns its exit code."""
    environment = {**without_aws(os.environ), **addresses}
    try:
        child = subprocess.Popen(command, env=environment, preexec_fn=lambda: die_with_parent(signal.SIGTERM))
    except OSError as problem:
        raise Failure(f"cannot run {command[0]}: {problem.strerror}") from problem
    with passed_on(child):
        code = child.wait()
    return 128 - code if code < 0 else code


def without_aws(environment):
    """Returns the environment without the caller's AWS credentials and settings, so that no test can reach a real account."""
    kept = {name: value for name, value in environment.items() if not name.startswith("AWS_")}
    return {
        **kept,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


@contextlib.contextmanager
def passed_on(child):
    """While active, passes termination signals to the command; this process ends after it."""

    def pass_on(number, _frame):
        # A Ctrl-C at the terminal has reached the command already, and a second one would cut its clean-up short.
        if number != signal.SIGINT or not in_foreground():
            child.send_signal(number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, pass_on) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def in_foreground():
    try:
        with open("/dev/tty", "rb") as terminal:
            return os.tcgetpgrp(terminal.fileno()) == os.getpgrp()
    except OSError:
        return False


# ---------------------------------------------------------------- the process


def say(text):
    print(f"emulators: {text}", file=sys.stderr, flush=True)


def end(number, _frame):
    # Exits through every `finally`, so that started processes are ended.
    sys.exit(128 + number)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    try:
        sys.exit(main(sys.argv[1:]))
    except Failure as failure:
        say(str(failure))
        sys.exit(1)
