"""Set up `.venv` with exactly what the locks name: `make` calls this once, and after each change.

    step                     from
    -----------------------  -----------------------------------------------------------------
    an empty environment     the Python that runs this; what stood there is thrown away
    pip and the builder      requirements-build.lock
    the packages             requirements.lock
    Tipo, in place           this folder
    a check                  pip: everything that a package needs is there, and fits

Nothing is resolved (`--no-deps`) and everything is compared with its hash, so the result is the
same on any day, whatever has been released since. pip alone is used: a mirror, a proxy or a
certificate that this machine needs is in pip's own configuration already.
"""

import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

VENV = Path(".venv")
READY_MARK = VENV / ".ready"
BUILD, LOCK = "requirements-build.lock", "requirements.lock"
LOCKED_OPTIONS = ("--no-deps", "--require-hashes", "--requirement")
EDITABLE_OPTIONS = ("--no-deps", "--no-build-isolation", "--editable", ".")
PACKAGE_LINES = (
    "Collecting ",
    "Requirement already satisfied",
    "Ignoring ",
)  # pip's words, one a package
# What is set for other environments must not reach into this one.
UNSET_VARIABLES = {"PYTHONPATH", "PYTHONHOME", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT"}
MAX_SHOWN_LINES = 30  # lines of pip's last words
NO_VENV = """\
This Python ({python}) cannot make virtual environments: its {missing} is missing.
On Debian or Ubuntu: sudo apt install python3-venv
Elsewhere: install a complete Python {version} or newer. Then run make again.\
"""
SETUP_FAILED = """\

The set-up did not work; the reason is above. If pip could not reach the package index: it takes a
proxy or a mirror from its own settings (PIP_PROXY, PIP_INDEX_URL, pip config). Then run make again:
it starts from scratch.\
"""


class StepFailed(Exception):
    """A step did not work; says what its command said last."""


class Step:
    """One line on the terminal: what is being done, how far, and how long it took."""

    def __init__(self, words: str, of: int = 0) -> None:
        self._words = words
        self._of = of
        self._done = 0
        self._began = time.monotonic()
        self._draw("")

    def count(self) -> None:
        """Say that one more is done."""
        self._done += 1
        if self._of and sys.stdout.isatty():
            self._draw(f"{min(self._done, self._of)} of {self._of}")

    def end(self) -> None:
        """Say how long it took."""
        self._draw(f"{time.monotonic() - self._began:.0f} s")
        print(flush=True)

    def _draw(self, far: str) -> None:
        """Draw the line again; where nothing can be drawn again, go on with it."""
        if sys.stdout.isatty():
            print(f"\r  {self._words:<34}{far:>10}", end="", flush=True)
        else:
            print(f"{far:>10}" if far else f"  {self._words:<34}", end="", flush=True)


def main() -> int:
    """Set everything up; return the exit code."""
    missing = next((each for each in ("ensurepip", "venv") if not _has_module(each)), None)
    if missing:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        print(NO_VENV.format(python=sys.executable, missing=missing, version=version))
        return 1
    began = time.monotonic()
    print(f"Setting up .venv with Python {sys.version.split()[0]}: once, about half a minute")
    try:
        _set_up()
    except KeyboardInterrupt:
        print("\nStopped half-way; the next run of make starts from scratch.")
        return 130
    except StepFailed as exc:
        print(f"\n{exc}\n{SETUP_FAILED}")
        return 1
    READY_MARK.touch()
    print(f"Set up in {time.monotonic() - began:.0f} s")
    return 0


def _has_module(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def _set_up() -> None:
    """Take every step.

    Raises:
        Failed: If one does not end well.
    """
    python = str(VENV / "bin" / "python")
    pip = (python, "-m", "pip")
    _run_step("an empty environment", (sys.executable, "-m", "venv", "--clear", str(VENV)))
    _run_step("pip and the builder", (*pip, "install", *LOCKED_OPTIONS, BUILD), of=_packages(BUILD))
    _run_step("the packages", (*pip, "install", *LOCKED_OPTIONS, LOCK), of=_packages(LOCK))
    _run_step("Tipo, in place", (*pip, "install", *EDITABLE_OPTIONS))
    _run_step("a check that all fits", (*pip, "check"))


def _packages(lock: str) -> int:
    """Return how many packages a lock names."""
    lines = Path(lock).read_text(encoding="utf-8").splitlines()
    return sum(bool(line) and line[0].isalnum() for line in lines)


def _run_step(words: str, command: tuple[str, ...], *, of: int = 0) -> None:
    """Run a command as one step, counting the packages that pip has got.

    Raises:
        Failed: If it does not end well.
    """
    step = Step(words, of=of)
    environment = {name: value for name, value in os.environ.items() if name not in UNSET_VARIABLES}
    environment |= {"PIP_USER": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    said = []
    with subprocess.Popen(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            said.append(line)
            if line.startswith(PACKAGE_LINES):
                step.count()
    if process.returncode:
        raise StepFailed("".join(said[-MAX_SHOWN_LINES:]))
    step.end()


if __name__ == "__main__":
    sys.exit(main())
