"""Words that processes leave for each other."""

from datetime import datetime
from typing import Protocol

PAUSED_SETTING = "paused"  # the setting that stops all writing
SHADOW_SETTING = "shadow"  # the setting by which nothing is ever written: domain/shadow.py


class SettingRepository(Protocol):
    """Words that processes leave for each other."""

    def get(self, name: str) -> str | None:
        """Return a word left by a process."""

    def compare_and_set(self, name: str, before: str | None, after: str) -> bool:
        """Replace a word by another, if it still is what the caller believed."""

    def add(self, name: str, value: str) -> str | None:
        """Leave a word where there is none; return it, or None where there was one already."""

    def pop(self, name: str) -> str | None:
        """Take a word away; return it, or None where there was none."""

    def set(self, name: str, value: str | None) -> None:
        """Leave a word, or take it away."""

    def claim(self, name: str, *, lasting: bool, now: datetime) -> bool:
        """Note that something is being done; False if somebody was first.

        A claim that is not `lasting` is forgotten after some days.
        """

    def take_leadership(self, name: str, owner: str, *, now: datetime, until: datetime) -> bool:
        """Take, or keep, a job that one process does at a time."""
