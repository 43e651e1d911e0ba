"""Settings: words that processes leave for each other."""

from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, select, update

from sync_core.db.repository import SqlRepository
from sync_core.db.tables import SETTING

PASSING_CLAIMS = "claim:passing:"  # how the names of claims begin that only matter for days
LASTING_CLAIMS = "claim:lasting:"
ONE_SETTING = select(SETTING.c.value).where(SETTING.c.name == bindparam("name"))


class SqlSettings(SqlRepository):
    def get(self, name: str) -> str | None:
        found: str | None = self.run(ONE_SETTING, {"name": name}).scalar_one_or_none()
        return found

    def compare_and_set(self, name: str, before: str | None, after: str) -> bool:
        if before is None:
            return self.insert_new(SETTING, [{"name": name, "value": after}]) == 1
        mine = update(SETTING).where(SETTING.c.name == name, SETTING.c.value == before)
        return self.run(mine.values(value=after)).rowcount == 1

    def add(self, name: str, value: str) -> str | None:
        return value if self.insert_new(SETTING, [{"name": name, "value": value}]) else None

    def pop(self, name: str) -> str | None:
        gone = delete(SETTING).where(SETTING.c.name == name).returning(SETTING.c.value)
        found: str | None = self.run(gone).scalar_one_or_none()
        return found

    def set(self, name: str, value: str | None) -> None:
        if value is None:
            self.run(delete(SETTING).where(SETTING.c.name == name))
        else:
            self.upsert(SETTING, [{"name": name, "value": value}])

    def claim(self, name: str, *, lasting: bool, now: datetime) -> bool:
        key = (LASTING_CLAIMS if lasting else PASSING_CLAIMS) + name
        return self.add(key, now.isoformat()) is not None

    def take_leadership(self, name: str, owner: str, *, now: datetime, until: datetime) -> bool:
        setting = f"lead:{name}"
        held = self.get(setting)
        if held is not None:
            ends, who = held.split(" ", 1)
            left = datetime.fromisoformat(ends) - now
            if who != owner and left > timedelta(0):
                return False
            if who == owner and left > (until - now) / 2:
                return True  # long enough: no need to write each second
        return self.compare_and_set(setting, held, f"{until.isoformat()} {owner}")
