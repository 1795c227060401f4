"""Sentences about what the table of logs has searched: the newest logs, not all."""

from collections.abc import Sequence
from typing import Final

from workbench.dashboard.log_lines import MAX_TEXT
from workbench.dashboard.snapshot import Snapshot, StoredLogs
from workbench.display import whole

_ASK: Final = "a notebook finds them: wb.logs()"


def searched(snapshot: Snapshot, contains: str) -> str:
    """Return a sentence about the logs that were searched.

    Args:
        snapshot: the snapshot that the table shows.
        contains: text that is searched for in messages, or empty.
    """
    known, stored = len(snapshot.recent.lines), snapshot.stored
    if not known:
        return ""
    if stored is None:
        words = f"Searched: the newest {whole(known)} logs"
    elif not stored.complete:
        words = f"Searched: the newest {whole(known)} logs; older ones are still being counted"
    elif stored.logs <= known:
        words = f"Searched: {_all_of(known)}"
    else:
        archived = f", {whole(stored.archived)} of them archived" if stored.archived else ""
        words = f"Searched: the newest {whole(known)} of {whole(stored.logs)} logs{archived}"
    if contains and any(line.message_rest for line in snapshot.recent.lines):
        words += f"; of long messages the first {whole(MAX_TEXT)} characters"
    return words


def nothing_found(snapshot: Snapshot, types: Sequence[str], contains: str) -> str:
    """Return a sentence about why there is no row, and what was not searched.

    Args:
        snapshot: the snapshot that the table shows.
        types: chosen types; empty stands for all.
        contains: text that was searched for in messages, or empty.
    """
    known, stored = len(snapshot.recent.lines), snapshot.stored
    if not known and stored is not None and stored.archived:
        return f"{_sentence_of_archived(stored)} This table does not search archives; {_ASK}"
    if not known or not (types or contains):
        return "No logs to show"
    older = 0 if stored is None else max(0, stored.logs - known)
    if not older:
        return f"None of the newest logs match: {_all_of(known)} searched"
    words = (
        f"None of the newest logs match: {whole(known)} were searched, {whole(older)} older not."
    )
    if types and stored is not None:
        of_types = sum(stored.types.get(each, 0) for each in types)
        hidden = max(0, of_types - sum(snapshot.recent.types.get(each, 0) for each in types))
        names = ", ".join(types)
        if not hidden:
            return f"{words} None of those is of type {names}"
        verb = "is" if hidden == 1 else "are"
        words += f" {whole(hidden)} of those {verb} of type {names};"
        return f"{words} a notebook finds {'it' if hidden == 1 else 'them'}: wb.logs(type=…)"
    return f"{words} A notebook searches them: wb.logs(contains=…)"


def _all_of(count: int) -> str:
    return "the only log" if count == 1 else f"all {whole(count)} logs"


def _sentence_of_archived(stored: StoredLogs) -> str:
    if stored.archived == 1 == stored.logs:
        return "The only log is archived."
    if stored.logs <= stored.archived:
        return f"All {whole(stored.archived)} logs are archived."
    return f"{whole(stored.archived)} logs are archived."
