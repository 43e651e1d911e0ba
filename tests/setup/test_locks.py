"""The locks are closed: whatever a locked package needs, a locked version gives.

Set-up installs without resolving, so nothing else would notice a package that is missing, too
old, or locked without an extra that somebody needs.

    lock                        must hold what this needs
    --------------------------  --------------------------------------------------------
    requirements-build.lock     the group `build` of pyproject.toml
    requirements-runtime.lock   Tipo
    requirements.lock           Tipo and its extra `dev`
    requirements-docs.lock      the group `docs`; `make docs` installs it, into build/docs

What a package needs stands in its metadata, and that is read from what is installed here: each
package that any platform gets must be installed, in the locked version, or the proof fails.
"""

import re
import sys
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.metadata import Distribution
from itertools import product
from pathlib import Path

import pytest
from packaging.markers import Marker, default_environment
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
TIPO = PROJECT["project"]["dependencies"]
NEEDED = {
    "requirements-build.lock": PROJECT["dependency-groups"]["build"],
    "requirements-runtime.lock": TIPO,
    "requirements.lock": [*TIPO, *PROJECT["project"]["optional-dependencies"]["dev"]],
    "requirements-docs.lock": PROJECT["dependency-groups"]["docs"],
}
SITE = [str(each) for each in ROOT.glob("build/docs/lib/python3.*/site-packages")]
PYTHONS = [f"3.{minor}.{patch}" for minor in (11, 12, 13, 14) for patch in (0, 99)]
PLATFORMS = {
    "linux": ("Linux", ("x86_64", "aarch64")),
    "darwin": ("Darwin", ("x86_64", "arm64")),
}
TARGETS = [
    {
        **default_environment(),
        "os_name": "posix",
        "sys_platform": platform,
        "platform_system": system,
        "platform_machine": machine,
        "python_version": python.rpartition(".")[0],
        "python_full_version": python,
        "implementation_name": "cpython",
        "implementation_version": python,
        "platform_python_implementation": "CPython",
    }
    for python, (platform, (system, machines)) in product(PYTHONS, PLATFORMS.items())
    for machine in machines
]
LINE = re.compile(r"^([\w.-]+)(?:\[([\w,.-]+)\])?==([\w.!+]+)(?: ; (.+?))? \\$")
HASH = re.compile(r"^    --hash=sha256:[0-9a-f]{64}(?: \\)?$")


@dataclass(frozen=True)
class Locked:
    """One package of a lock."""

    version: str
    extras: frozenset[str]
    marker: Marker | None
    hashes: int

    def is_for(self, target):
        return self.marker is None or self.marker.evaluate(target)


@dataclass(frozen=True)
class Facts:
    """What a package says of itself."""

    version: str
    needs: tuple[str, ...]
    pythons: str


def read_lock(text):
    """Return the packages of a lock by name; refuse a line of any other form."""
    heads, hashes = {}, {}
    name = ""
    for line in text.splitlines():
        if line.startswith("    #"):
            continue
        if head := LINE.match(line):
            name = canonicalize_name(head[1])
            assert name not in heads, f"{name} is locked twice"
            heads[name] = head
        elif HASH.match(line):
            hashes[name] = hashes.get(name, 0) + 1
        else:
            pytest.fail(f"no line of a lock: {line}")
    return {
        name: Locked(
            version=head[3],
            extras=frozenset(filter(None, (head[2] or "").split(","))),
            marker=Marker(head[4]) if head[4] else None,
            hashes=hashes.get(name, 0),
        )
        for name, head in heads.items()
    }


@cache
def installed(name, *path):
    """Return what a package that is installed, here or on a path, says of itself, or None."""
    found = next(iter(Distribution.discover(name=name, path=list(path) or sys.path)), None)
    if found is None:
        return None
    pythons = found.metadata.get("Requires-Python") or ""
    return Facts(found.version, tuple(found.requires or ()), pythons)


requirement = cache(Requirement)


def holes(lock, roots, target, facts):
    """Return what is wrong with a lock on one platform, and the names that it needs there."""
    wrong, reached = set(), set()
    waiting = [(requirement(each), "Tipo", {""}) for each in roots]
    while waiting:
        need, by, extras = waiting.pop()
        if need.marker and not any(need.marker.evaluate({**target, "extra": x}) for x in extras):
            continue
        name = canonicalize_name(need.name)
        locked = lock.get(name)
        if locked is None or not locked.is_for(target):
            wrong.add(f"{by} needs {need.name}, which is not locked")
            continue
        if not need.specifier.contains(locked.version, prereleases=True):
            wrong.add(f"{by} needs {need.name}{need.specifier}, locked is {locked.version}")
        if missing := {canonicalize_name(each) for each in need.extras} - locked.extras:
            wrong.add(f"{by} needs {need.name} with {sorted(missing)}, locked without")
        if (name, frozenset(need.extras)) in reached:
            continue
        reached.add((name, frozenset(need.extras)))
        known = facts(name)
        if known is None or known.version != locked.version:
            here = "nothing" if known is None else known.version
            wrong.add(f"{name} {locked.version} is not installed here ({here}): cannot be proved")
            continue
        if not SpecifierSet(known.pythons).contains(target["python_full_version"]):
            wrong.add(f"{name} is not for Python {target['python_version']}")
        waiting += [(requirement(each), name, {"", *need.extras}) for each in known.needs]
    return wrong, {name for name, _ in reached}


def prove(text, roots, facts=installed):
    """Return what is wrong with a lock on any platform."""
    lock = read_lock(text)
    wrong = {f"{name} has no hash" for name, each in lock.items() if not each.hashes}
    used = set()
    for target in TARGETS:
        found, reached = holes(lock, roots, target, facts)
        wrong |= found
        used |= reached
    ours = {name for name, each in lock.items() if any(each.is_for(t) for t in TARGETS)}
    return wrong | {f"nobody needs {name}" for name in ours - used}


@pytest.mark.parametrize("name", NEEDED)
def test_a_lock_is_closed(name):
    """Else `make demo` ends with an error on the day when somebody releases something."""
    path = SITE if name == "requirements-docs.lock" else []
    if name == "requirements-docs.lock" and not path:
        pytest.skip("what it names is installed by `make docs`, which CI runs before the tests")
    text = (ROOT / name).read_text("utf-8")
    assert prove(text, NEEDED[name], lambda each: installed(each, *path)) == set()


@pytest.mark.parametrize("name", NEEDED)
def test_what_is_locked_for_other_systems_is_known(name):
    """Nothing can be proved of a package that is for no platform of ours."""
    lock = read_lock((ROOT / name).read_text("utf-8"))
    others = {name for name, each in lock.items() if not any(each.is_for(t) for t in TARGETS)}
    assert others <= {"colorama"}  # click's and pytest's, for Windows


def test_the_locks_agree():
    """The tests prove what runs in production only if it is the same."""
    build, runtime, every, docs = (read_lock((ROOT / name).read_text("utf-8")) for name in NEEDED)
    for lock in (build, runtime, docs):
        common = lock.keys() & every.keys()
        assert {n: lock[n].version for n in common} == {n: every[n].version for n in common}
    assert runtime.keys() <= every.keys()
    assert build["hatchling"].version == PROJECT["build-system"]["requires"][0].split("==")[1]


def test_the_locks_name_no_package_index():
    """Where packages come from is each machine's own affair."""
    for name in NEEDED:
        assert "://" not in (ROOT / name).read_text("utf-8")


# -- the proof itself
def lock_of(*lines):
    return "".join(f"{each} \\\n    --hash=sha256:{'0' * 64}\n    # via tipo\n" for each in lines)


KNOWN = {
    "shop": Facts("1.0", ("till[card]>=2", "lamp; python_version < '3.12'"), ">=3.11"),
    "till": Facts("2.1", ("paper; extra == 'card'", "ink; extra == 'print'"), ""),
    "paper": Facts("5", (), ""),
    "lamp": Facts("1", (), "<3.13"),
}
WHOLE = ("shop==1.0", "till[card]==2.1", "paper==5", "lamp==1 ; python_full_version < '3.12'")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param({}, "", id="whole"),
        pytest.param({1: "till==2.1"}, "shop needs till with ['card'], locked without", id="extra"),
        pytest.param({1: "till[card]==1.9"}, "shop needs till>=2, locked is 1.9", id="too old"),
        pytest.param({2: None}, "till needs paper, which is not locked", id="of an extra"),
        pytest.param({3: None}, "shop needs lamp, which is not locked", id="on one Python alone"),
        pytest.param(
            {2: "paper==5 ; sys_platform == 'linux'"},
            "till needs paper, which is not locked",
            id="on one system alone",
        ),
        pytest.param({3: "lamp==1"}, "", id="more than is needed"),
        pytest.param({2: "paper==6"}, "paper 6 is not installed here (5)", id="another version"),
        pytest.param({4: "chair==1"}, "nobody needs chair", id="not needed"),
    ],
)
def test_the_proof_finds_what_is_missing(change, says):
    """A proof that lets everything pass is none."""
    lines = {**dict(enumerate(WHOLE)), **change}
    wrong = prove(lock_of(*filter(None, lines.values())), ["shop"], KNOWN.get)
    assert any(says in each for each in wrong) if says else wrong == set()


def test_the_proof_finds_a_package_that_is_not_for_our_pythons():
    known = {**KNOWN, "shop": Facts("1.0", ("till[card]", "lamp"), "")}
    wrong = prove(lock_of(*WHOLE[:3], "lamp==1"), ["shop"], known.get)
    assert wrong == {"lamp is not for Python 3.13", "lamp is not for Python 3.14"}


def test_the_proof_fails_where_it_cannot_look():
    """A package that is not installed could need anything."""
    known = {name: each for name, each in KNOWN.items() if name != "paper"}
    [wrong] = prove(lock_of(*WHOLE), ["shop"], known.get)
    assert wrong == "paper 5 is not installed here (nothing): cannot be proved"


def test_the_proof_wants_a_hash_for_each():
    text = lock_of(*WHOLE).replace(f"    --hash=sha256:{'0' * 64}\n", "", 1)
    assert prove(text, ["shop"], KNOWN.get) == {"shop has no hash"}
