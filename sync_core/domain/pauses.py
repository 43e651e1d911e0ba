"""Who has paused writing, and when: one text, as it is kept and told."""

import re
from datetime import UTC, datetime

FORMAT = "%Y-%m-%d %H:%M"
KEPT = re.compile(r"(?s)(.*), (\d{4}-\d{2}-\d{2} \d{2}:\d{2}) UTC")


def pause_text(by: str, at: datetime) -> str:
    """Return who has paused, and when, as one text."""
    return f"{by}, {at.astimezone(UTC):{FORMAT}} UTC"


def read_pause(text: str) -> tuple[str, datetime | None]:
    """Return who has paused, and when, if the text says so: the reverse of `pause_text`."""
    found = KEPT.fullmatch(text)
    if found is None:
        return text, None
    try:
        return found[1], datetime.strptime(found[2], FORMAT).replace(tzinfo=UTC)
    except ValueError:
        return text, None
