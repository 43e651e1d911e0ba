"""What has been answered: the settings as they are written, and where a new one goes.

the setting                      is written to
-------------------------------  ------------------------------------------
set in the environment           nowhere: that overrules every file
in a file that .env names        nowhere: that file has it
a secret, or in `.env` already   `.env`, which its owner alone reads
any other                        `tipo.toml`
"""

import json
from collections.abc import Mapping
from pathlib import Path

from sync_core.cli.setting_files import (
    NotWritten,
    read_file,
    replace_file,
    with_setting,
    with_variable,
)
from sync_core.settings import FILE, SECRETS, written

DOTENV = Path(".env")
TOML = Path("tipo.toml")
OVERRULING, SECOND, _ = ("the environment", ".env", "tipo.toml")


def variable(setting: str) -> str:
    """Return the name of a setting in the environment: `slack.channel` is TIPO_SLACK__CHANNEL."""
    return f"TIPO_{setting.upper().replace('.', '__')}"


def is_secret(setting: str) -> bool:
    """Whether nobody may see it."""
    return setting.rpartition(".")[2] in SECRETS


class Answers:
    """The settings as they are written, complete or not."""

    def get(self, setting: str) -> object:
        """Return what the strongest source says; None if none does.

        Raises:
            BadSettings: If a source can't be read.
        """
        found = [_within(source, setting) for source in written().values()]
        return next((each for each in found if each is not None), None)

    def group(self, setting: str) -> dict[str, object]:
        """Return all that the sources say within a setting, such as of one store."""
        merged: dict[str, object] = {}
        for source in reversed(written().values()):
            found = _within(source, setting)
            merged |= found if isinstance(found, Mapping) else {}
        return merged

    def aliases(self) -> list[str]:
        """Return the stores that somebody has begun to describe, the source first."""
        stores = {name: self.group(f"stores.{name}") for name in self.group("stores")}
        begun = [name for name, each in stores.items() if {"domain", "role"} & each.keys()]
        return sorted(begun, key=lambda name: stores[name].get("role") != "source")

    def put(self, setting: str, value: str | list[str]) -> None:
        """Write a value where it belongs; nothing is written if it is there already.

        Raises:
            NotWritten: If a person has to do it; says what.
        """
        if self.get(setting) == value:
            return
        name, sources = variable(setting), written()
        if _within(sources[OVERRULING], setting) is not None:
            raise NotWritten(f"{name} is set in the environment, which overrules: correct it there")
        if is_secret(setting) or _within(sources[SECOND], setting) is not None:
            text = read_file(DOTENV)
            if (given := f"{name}{FILE}".upper()) in text.upper():
                raise NotWritten(f"{given} in .env names the file that has it: correct that")
            plain = value if isinstance(value, str) else json.dumps(value)
            replace_file(DOTENV, with_variable(text, name, plain), private=True)
        else:
            text = with_setting(read_file(TOML), setting.split("."), value)
            replace_file(TOML, text, private=False)


def _within(source: object, setting: str) -> object:
    """Return what one source says; an empty text says nothing."""
    for part in setting.split("."):
        if not isinstance(source, Mapping):
            return None
        source = source.get(part)
    return None if source == "" else source
