"""Integrity of a database, as SQLite checks it."""

from typing import Literal, cast

import apsw


def faults_in(
    connection: apsw.Connection,
    most: int = 1,
    check: Literal["integrity_check", "quick_check"] = "integrity_check",
) -> list[str]:
    """Return what is wrong with a database; nothing if it is sound.

    Args:
        connection: a connection to it.
        most: number of faults at most.
        check: whether indexes are compared with their tables too, or not.

    Raises:
        apsw.Error: it is too damaged to be checked, or the check was interrupted.
    """
    rows = connection.execute(f"PRAGMA {check}({most})").fetchall()
    found = [text for (text,) in cast("list[tuple[str]]", rows)]
    return [] if found == ["ok"] else found
