"""One `tipo serve` for one SQLite file: a lock beside it, which the kernel drops with the process.

Two would be one instance and lose nothing, but each would wait for the other's every commit, and a
person who starts a second one by mistake (a container beside a service) would not learn of it.
PostgreSQL carries several processes.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from sync_core.errors import BadSettings


@contextlib.contextmanager
def serving_lock(database: Path) -> Iterator[None]:
    """Hold the lock of a database's file.

    Raises:
        BadSettings: If another process holds it.
    """
    path = database.with_name(f"{database.name}.serving")
    try:
        number = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError:
        yield  # a folder that cannot be written: opening the database says so, and better
        return
    try:
        _lock(number, database)
        yield
    finally:
        os.close(number)


def _lock(number: int, database: Path) -> None:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as exc:
        holder = os.pread(number, 20, 0).decode(errors="replace").strip() or "unknown"
        raise BadSettings(
            f"another `tipo serve` (process {holder}) uses {database}: SQLite carries one. "
            "Stop that one first, or use PostgreSQL, which carries several "
            "(TIPO_DATABASE_URL=postgresql://…)"
        ) from exc
    except OSError:
        return  # a file system without locks
    os.ftruncate(number, 0)
    os.pwrite(number, f"{os.getpid()}\n".encode(), 0)
