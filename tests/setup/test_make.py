"""`make` sets up a fresh clone with what is locked, and says what is wrong where it cannot.

The set-up is the real one, in a small project of the same form: two packages, one of which needs
the other with an extra, and a folder that offers newer releases of both. No network is needed.
"""

import hashlib
import importlib
import os
import re
import shutil
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BACKEND = """
import zipfile
from pathlib import Path


def build_editable(folder, *_):
    name = "tipo-1.0-py3-none-any.whl"
    info = "tipo-1.0.dist-info/"
    with zipfile.ZipFile(Path(folder) / name, "w") as wheel:
        wheel.writestr("tipo.pth", str(Path.cwd()))
        wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: tipo\\nVersion: 1.0\\n"
                       "Requires-Dist: shop\\n")
        wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\n")
        wheel.writestr(info + "entry_points.txt", "[console_scripts]\\ntipo = play:main\\n")
        wheel.writestr(info + "RECORD", "")
    return name
"""
PLAY = """
from importlib.metadata import version


def main():
    print("played with", *(f"{each} {version(each)}" for each in ("shop", "till")))
"""


def wheel(folder, name, version, needs=()):
    """Make a package that can be installed; return its line of a lock."""
    path = folder / f"{name}-{version}-py3-none-any.whl"
    info = f"{name}-{version}.dist-info"
    facts = [f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}"]
    facts += [f"Requires-Dist: {each}" for each in needs]
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(f"{name}.py", "")
        file.writestr(f"{info}/METADATA", "\n".join(facts) + "\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        file.writestr(f"{info}/RECORD", "")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return f"{name}=={version} \\\n    --hash=sha256:{digest}\n"


class Clone:
    """A small project with the real Makefile, in a folder whose name has a space."""

    def __init__(self, folder):
        self.home = folder / "a clone"
        offered = folder / "offered"
        for each in (self.home / "tools", offered):
            each.mkdir(parents=True)
        shutil.copy(ROOT / "Makefile", self.home)
        shutil.copy(ROOT / "tools/set_up.py", self.home / "tools")
        (self.home / "backend.py").write_text(BACKEND)
        (self.home / "play.py").write_text(PLAY)
        (self.home / "pyproject.toml").write_text(
            textwrap.dedent("""
            [build-system]
            requires = []
            build-backend = "backend"
            backend-path = ["."]
            """)
        )
        lock = wheel(offered, "shop", "1.0", ["till[card]>=1"]) + wheel(offered, "till", "1.0")
        self.lock = self.home / "requirements.lock"
        self.lock.write_text(lock)
        (self.home / "requirements-build.lock").write_text(wheel(offered, "crane", "1.0"))
        for name in ("shop", "till", "crane"):
            wheel(offered, name, "1.1", ["nowhere-to-be-had"])  # released since
        self.offered = offered

    def make(self, *words, **environment):
        kept = ("PATH", "HOME", "TMPDIR", "LANG")
        given = {name: os.environ[name] for name in kept if name in os.environ}
        given |= {
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": self.offered.as_uri(),
            "PIP_CONFIG_FILE": os.devnull,
            "PYTHON": sys.executable,
        }
        return subprocess.run(
            ["make", *words],
            cwd=self.home,
            env={**given, **environment},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


@pytest.fixture
def clone(tmp_path):
    return Clone(tmp_path)


def test_set_up_takes_what_is_locked_whatever_has_been_released_since(clone):
    """A release of somebody else's must not decide whether a newcomer's first command works."""
    first = clone.make("demo")
    assert first.returncode == 0, first.stdout + first.stderr
    assert "Setting up .venv with Python" in first.stdout
    for step in ("pip and the builder", "the packages", "a check that all fits", "Set up in "):
        assert step in first.stdout
    assert "played with shop 1.0 till 1.0" in first.stdout

    again = clone.make("demo")  # nothing is set up twice
    assert (again.returncode, again.stdout) == (0, "played with shop 1.0 till 1.0\n"), again.stderr

    # A first try that was stopped half-way, and a lock that lacks what somebody needs.
    (clone.home / ".venv/.ready").unlink()
    (clone.home / ".venv/bin/python").unlink()
    (clone.home / ".venv/left over").touch()
    whole = clone.lock.read_text()
    clone.lock.write_text(whole[: whole.index("till==")])
    broken = clone.make("demo")
    assert broken.returncode != 0
    assert "shop 1.0 requires till, which is not installed" in broken.stdout
    assert "The set-up did not work" in broken.stdout
    assert not (clone.home / ".venv/.ready").exists()
    clone.lock.write_text(whole)

    healed = clone.make("demo")
    assert healed.returncode == 0, healed.stdout + healed.stderr
    assert "played with" in healed.stdout
    assert not (clone.home / ".venv/left over").exists()


@pytest.mark.parametrize("missing", ["ensurepip", "venv"])
def test_set_up_says_which_part_of_python_is_missing(clone, tmp_path, missing):
    """Debian ships Python without them; its own words lead nowhere when make swallows them."""
    python = tmp_path / "python"
    blocked = f"import sys, runpy; sys.modules[{missing!r}] = None; sys.argv = sys.argv[1:]; "
    run = "runpy.run_path(sys.argv[0], run_name='__main__')"
    python.write_text(
        "#!/bin/sh\n"
        f'if [ "$1" = -c ]; then exec "{sys.executable}" "$@"; fi\n'
        f'exec "{sys.executable}" -c "{blocked}{run}" "$@"\n'
    )
    python.chmod(0o755)
    said = clone.make("demo", PYTHON=str(python))
    assert said.returncode != 0
    assert f"its {missing} is missing" in said.stdout
    assert "sudo apt install python3-venv" in said.stdout
    assert "Traceback" not in said.stdout + said.stderr


@pytest.fixture
def bare_path(tmp_path):
    """A PATH with make and what its recipes call, but no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("make", "sh", "env"):
        (folder / name).symlink_to(shutil.which(name))
    return folder


def test_a_newer_python_serves_where_there_is_no_python_3_11(clone, bare_path):
    """And an older one, or one that only pretends to be there, is passed over."""
    for name in ("python3.11", "python3.12", "python3"):
        (bare_path / name).write_text("#!/bin/sh\necho not installed >&2; exit 127\n")
        (bare_path / name).chmod(0o755)
    (bare_path / "python3.13").symlink_to(sys.executable)
    planned = clone.make("-n", "demo", PATH=str(bare_path), PYTHON="")
    assert '"" tools/set_up.py' in planned.stdout  # PYTHON from outside counts, even if empty

    environment = {"PATH": str(bare_path)}
    planned = subprocess.run(
        ["make", "-n", "demo"],
        cwd=clone.home,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert '"python3.13" tools/set_up.py' in planned.stdout


def test_a_machine_without_a_python_that_fits_is_told_so(clone, bare_path):
    """The first line that a newcomer reads must say what to install."""
    none = subprocess.run(
        ["make", "demo"],
        cwd=clone.home,
        env={"PATH": str(bare_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert none.returncode != 0
    assert none.stdout.startswith("Tipo needs Python 3.11, 3.12, 3.13 or 3.14, and none is here.\n")
    assert "make demo PYTHON=/path/to/python3.11" in none.stdout

    old = bare_path / "python3.9"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    told = clone.make("demo", PYTHON=str(old))
    assert f"{old} is none of them" in told.stdout


def test_what_the_makefile_imports_is_there():
    """`make migration` runs a line of Python that no type checker reads."""
    imports = re.findall(r"from (sync_core[\w.]*) import (\w+)", (ROOT / "Makefile").read_text())
    assert imports
    for module, name in imports:
        assert hasattr(importlib.import_module(module), name), f"{module} has no {name}"
