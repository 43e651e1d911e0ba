"""The catalogue of faults names tests that there are."""

import ast
import importlib.util
import re
import sys
import tomllib
from functools import cache

import pytest

from tests.docs.test_docs import ROOT

TESTS = ROOT / "tests"


def load():
    """Return docs/faults.py, which is no package."""
    spec = importlib.util.spec_from_file_location("faults", ROOT / "docs/faults.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["faults"] = module  # where its dataclass looks for itself
    spec.loader.exec_module(module)
    return module


faults = load()
FAULTS = [each for part in faults.parts().values() for each in part]


@cache
def collected(name):
    """Return the tests of a file that pytest would collect, and run: skipped ones are none."""
    file = TESTS / name
    if not (file.is_file() and file.name.startswith("test_")):
        return {}
    functions = [
        each
        for each in ast.parse(file.read_text("utf-8")).body
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    names = [each.name for each in functions]
    return {
        each.name
        for each in functions
        if each.name.startswith("test_") and names.count(each.name) == 1
        if not any(
            re.search(r"\bmark\.(skip|xfail)\b", ast.unparse(d)) for d in each.decorator_list
        )
    }


def test_the_tests_are_those_that_pytest_collects():
    """By its own settings: nothing but the usual names."""
    options = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["pytest"]
    assert options["testpaths"] == ["tests"]
    assert not {"python_files", "python_functions"} & set(options)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda each: str(each.number))
def test_every_fault_names_tests_that_there_are_or_says_why_not(fault):
    """A row without its test would be a promise that nobody checks."""
    assert fault.tests or fault.untested
    for each in fault.tests:
        name, _, test = each.partition("::")
        assert test in collected(name), each
    assert len(set(fault.tests)) == len(fault.tests)
    assert "|" not in f"{fault.fault}{fault.then}{fault.untested}"


def test_every_fault_is_there_once_and_in_order():
    """Numbers are what issues and people name them by."""
    assert [each.number for each in FAULTS] == list(range(1, 102))


def test_the_page_is_what_the_program_writes():
    """`python docs/faults.py` writes it."""
    assert faults.PAGE.read_text("utf-8") == faults.page()


def test_a_test_that_is_not_there_is_found():
    assert "test_nothing" not in collected("unit/test_audit.py")
    assert collected("unit/builders.py") == collected("unit/test_gone.py") == {}
