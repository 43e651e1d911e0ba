"""Production gets a wheel without the sandbox; the demo is a wheel of its own.

The wheels are unpacked, not installed. Python runs without `site`, so the clone in which the tests
run is not importable: Tipo comes from the unpacked wheel, all else from where it is installed.
"""

import os
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from tests.setup.test_locks import PROJECT, ROOT, read_lock

DEMO = tomllib.loads((ROOT / "sandbox/pyproject.toml").read_text("utf-8"))["project"]
BUILD = ("-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index", "--no-build-isolation")
RUN = """
import sys
sys.path[:0] = {folders!r}
sys.path.append({packages!r})
sys.modules.update(dict.fromkeys({absent!r}))  # None: an import fails as if it were not there
from sync_core.cli import main
sys.argv[0] = "tipo"
main()
"""
STORES = {
    "TIPO_DATABASE_URL": "sqlite:///tipo.db",
    "TIPO_STORES__EU__DOMAIN": "urbanwear-eu.myshopify.com",
    "TIPO_STORES__EU__ROLE": "source",
    "TIPO_STORES__EU__ACCESS_TOKEN": "shpat_1",
    "TIPO_STORES__EU__API_URL": "http://127.0.0.1:1",
    "TIPO_STORES__US__DOMAIN": "urbanwear-us.myshopify.com",
    "TIPO_STORES__US__ROLE": "destination",
    "TIPO_STORES__US__ACCESS_TOKEN": "shpat_2",
    "TIPO_STORES__US__API_URL": "http://127.0.0.1:1",
}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory):
    """Both wheels, by the name of their distribution."""
    folder = tmp_path_factory.mktemp("wheels")
    command = [sys.executable, *BUILD, "--wheel-dir", folder, ROOT, ROOT / "sandbox"]
    subprocess.run(command, cwd=folder, check=True, timeout=120)
    return {path.name.partition("-")[0]: path for path in folder.iterdir()}


@pytest.fixture
def tipo(wheels, tmp_path):
    """Run the command line of these wheels, in an empty folder."""

    def run(*words, installed=("tipo",), absent=("graphql",)):
        folders = []
        for name in installed:
            folders.append(str(tmp_path / name))
            with zipfile.ZipFile(wheels[name]) as wheel:
                wheel.extractall(folders[-1])
        packages = sysconfig.get_path("purelib")
        code = RUN.format(folders=folders, packages=packages, absent=absent)
        (tmp_path / "work").mkdir(exist_ok=True)
        return subprocess.run(
            [sys.executable, "-I", "-S", "-c", code, *words],
            cwd=tmp_path / "work",
            env={"PATH": os.environ["PATH"], "COLUMNS": "200", **STORES},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


def names(wheel):
    with zipfile.ZipFile(wheel) as file:
        return {Path(each) for each in file.namelist()}


def metadata(wheel):
    with zipfile.ZipFile(wheel) as file:
        [name] = [each for each in file.namelist() if each.endswith(".dist-info/METADATA")]
        return Parser().parsestr(file.read(name).decode())


def test_the_wheel_holds_what_production_runs_and_no_sandbox(wheels):
    """Ten thousand lines of imitation stores have no business beside real ones."""
    packages = {each.parts[0] for each in names(wheels["tipo"])}
    assert packages == {"bot", "sync_core", "tipo-0.1.0.dist-info"}
    needs = metadata(wheels["tipo"]).get_all("Requires-Dist")
    assert [each for each in needs if "graphql" in each] == [
        "graphql-core<3.4,>=3.3; extra == 'dev'"
    ]
    assert "tipo-demo==0.1.0; extra == 'demo'" in needs
    assert "graphql-core" not in read_lock((ROOT / "requirements-runtime.lock").read_text())


def test_the_wheel_of_the_demo_holds_all_of_the_sandbox(wheels):
    """And nothing twice: what both wheels had, either could overwrite."""
    held = names(wheels["tipo_demo"])
    there = {
        each.relative_to(ROOT)
        for each in (ROOT / "sandbox").rglob("*")
        if each.suffix in {".py", ".graphql", ".css", ".html", ".js"}
    }
    assert {each for each in held if each.parts[0] == "sandbox"} == there
    assert not held & names(wheels["tipo"])


def test_both_wheels_are_of_one_version(wheels):
    """The demo uses Tipo's own parts: another version need not fit."""
    version = PROJECT["project"]["version"]
    assert {metadata(each)["Version"] for each in wheels.values()} == {version}
    assert f"tipo=={version}" in DEMO["dependencies"]
    extras = PROJECT["project"]["optional-dependencies"]
    assert extras["demo"] == [f"{DEMO['name']}=={version}"]
    assert set(DEMO["dependencies"]) - {f"tipo=={version}"} <= set(extras["dev"])


def test_the_image_is_built_without_the_sandbox():
    """What is not copied cannot be imported."""
    for name in ("Dockerfile", ".dockerignore"):
        assert "sandbox" not in (ROOT / name).read_text("utf-8")


def test_tipo_works_without_the_sandbox(tipo):
    """Its commands, its migrations and a question, as in the image or after `pipx install`."""
    said = tipo("--help")
    assert (said.returncode, said.stderr) == (0, "")
    assert "serve" in said.stdout
    assert "Not installed: it needs the extra `demo`." in said.stdout

    assert tipo("migrate", "--yes").returncode == 0
    said = tipo("status")
    assert (said.returncode, said.stderr) == (0, "")
    assert "eu" in said.stdout

    said = tipo("doctor")
    assert (said.returncode, said.stderr) == (1, "")  # nobody answers for the stores here
    assert "sqlite:///tipo.db answers and is up to date" in said.stdout

    said = tipo("init")
    assert said.returncode == 2
    assert said.stderr.startswith("tipo: `tipo init` asks questions, and there is no terminal here")


@pytest.mark.parametrize("words", [("demo",), ("demo", "--keep"), ("playground", "--port", "1")])
def test_the_demo_without_its_extra_says_what_to_install(tipo, words):
    """A person who reads of `tipo demo` must not be told that there is no such command."""
    said = tipo(*words)
    assert said.returncode == 2
    assert "pip install 'tipo[demo]'" in said.stderr
    assert "Traceback" not in said.stderr


def test_the_demo_is_there_with_its_extra(tipo):
    """And says which package is missing if its wheel came without what it needs."""
    both = ("tipo", "tipo_demo")
    said = tipo("demo", "--help", installed=both, absent=())
    assert (said.returncode, said.stderr) == (0, "")
    assert "--keep" in said.stdout

    for command in ("demo", "playground"):
        said = tipo(command, installed=both)
        assert said.returncode == 2
        needs = f"tipo: the {command} needs graphql-core. pip install 'tipo[demo]'\n"
        assert said.stderr == needs
