"""`.env` and `tipo.toml`, changed one value at a time; all else in them stays as people wrote it.

What a change makes of a file is read again before it is written: if that is anything but what the
file said, with this value, nothing is written and the person is asked to do it.
"""

import os
import tempfile
import tomllib
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import tomlkit
from dotenv.parser import Binding, parse_stream

from sync_core.errors import TipoError

PRIVATE = 0o600  # only its owner reads and writes it

NewTable = Callable[[bool], object]  # makes one; whether it holds nothing but tables


class NotWritten(TipoError):
    """A file of settings can't be changed without a person; nothing was written."""


def with_variable(text: str, name: str, value: str) -> str:
    """Return a `.env` in which a variable has a value of plain characters.

    Raises:
        NotWritten: If that would change anything else.
    """
    bindings = list(parse_stream(StringIO(text)))
    found = [each for each in bindings if _lower(each) == name.lower()]
    if found:
        last = found[-1]
        pieces = [
            _assigned(each, value) if each is last else each.original.string for each in bindings
        ]
        new = "".join(pieces)
    else:
        new = f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}{name}={value}\n"
    if _variables(new) != {**_variables(text), name.lower(): value}:
        raise NotWritten(f".env can't be changed safely: write {name} into it yourself")
    return new


def _lower(binding: Binding) -> str:
    return (binding.key or "").lower()


def _assigned(binding: Binding, value: str) -> str:
    """Return a line with another value: its quotes and its comment stay."""
    head, equals, rest = binding.original.string.partition("=")
    if binding.value:
        return head + equals + rest.replace(binding.value, value, 1)
    return head + equals + value + rest


def _variables(text: str) -> dict[str, str | None]:
    return {_lower(each): each.value for each in parse_stream(StringIO(text)) if each.key}


def with_setting(text: str, path: Sequence[str], value: str | list[str]) -> str:
    """Return a `tipo.toml` in which a setting has a value.

    Raises:
        NotWritten: If that would change anything else, or the text is no TOML.
    """
    name = ".".join(path)
    try:
        wanted = tomllib.loads(text)
        _put(wanted, path, value, lambda _: {})
        document = tomlkit.parse(text)
        _put(document, path, value, tomlkit.table)
        new = tomlkit.dumps(document)
        if tomllib.loads(new) == wanted:
            return new
    except (ValueError, KeyError, TypeError, AttributeError) as exc:  # whatever it is not made for
        why = f"tipo.toml can't be changed safely ({type(exc).__name__})"
        raise NotWritten(f"{why}: write {name} into it yourself") from exc
    raise NotWritten(f"tipo.toml can't be changed safely: write {name} into it yourself")


def _put(document: Any, path: Sequence[str], value: object, new_table: NewTable) -> None:
    """Set a value in nested tables; those that are missing are made."""
    *parents, last = path
    table = document
    for each in parents:
        if each not in table:
            table[each] = new_table(each != parents[-1])
        table = table[each]
    table[last] = value


def read_file(path: Path) -> str:
    """Return what a file holds; nothing if it is not there.

    Raises:
        NotWritten: If it can't be read.
    """
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return ""
    except (OSError, ValueError) as exc:
        raise NotWritten(f"{path} can't be read as text ({type(exc).__name__})") from exc


def replace_file(path: Path, text: str, *, private: bool) -> None:
    """Write a file at one stroke; a new or a `private` one is its owner's alone.

    A link stays one: the file that it leads to is replaced.

    Raises:
        NotWritten: If it can't be written, or is somebody else's.
    """
    target = path.resolve()
    try:
        mode = PRIVATE
        if target.exists():
            found = target.stat()
            if found.st_uid != os.geteuid():
                raise NotWritten(f"{path} belongs to another user: run this as its owner")
            mode = PRIVATE if private else found.st_mode & 0o777
        _replace(target, text, mode)
    except OSError as exc:
        raise NotWritten(f"{path} can't be written: {exc.strerror or exc}") from exc


def _replace(target: Path, text: str, mode: int) -> None:
    number, name = tempfile.mkstemp(dir=target.parent, prefix=f"{target.name}.")
    written = Path(name)
    try:
        with os.fdopen(number, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        written.chmod(mode)
        written.replace(target)
    except BaseException:
        written.unlink(missing_ok=True)
        raise
