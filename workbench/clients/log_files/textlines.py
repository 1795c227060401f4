"""A line of plain text as a log."""

from workbench.clients.log_files.levels import find_level
from workbench.clients.log_files.timestamps import TimestampFinder


def text_log(line: str, finder: TimestampFinder) -> dict[str, object]:
    """Return the line as a log without an id: all of it is the message.

    Time and level are those the line names. A line that names no level is info, and one that names
    no time has no `timestamp`. `level` is the level as written, where that says more than the type.
    """
    time = finder.find(line)
    level = find_level(line, time.end if time else 0)
    log: dict[str, object] = {"type": level.type if level else "info", "message": line}
    if time:
        log["timestamp"] = time.timestamp
    if level and level.word.lower() != level.type:
        log["level"] = level.word
    return log
