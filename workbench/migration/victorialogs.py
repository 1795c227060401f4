"""Exports of VictoriaLogs: the JSON lines of `/select/logsql/query`."""

from collections.abc import Iterator
from typing import Final

from workbench.migration.entries import OldLog
from workbench.migration.export_files import ExportFile, id_of

_MARKS: Final = ("_time", "_msg")


def read_victorialogs(file: ExportFile) -> Iterator[OldLog]:
    """Yield the logs of such a file; `_msg` is the message, `_time` the time.

    Two entries that are equal in all are one log.

    Raises:
        UsageError: the file ends amid an entry, or is none of VictoriaLogs.
    """
    file.refuse_lines_without(_MARKS, "VictoriaLogs")
    for number, value in file.objects_of_lines():
        yield file.log(file.objects.read(value), id_of("victorialogs", value), number)
