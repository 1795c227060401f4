"""Exports of VictoriaLogs: the JSON lines of `/select/logsql/query`."""

from collections.abc import Iterator

from workbench.migration.entries import OldLog
from workbench.migration.export_files import ExportFile, id_of


def read_victorialogs(file: ExportFile) -> Iterator[OldLog]:
    """Yield the logs of such a file; `_msg` is the message, `_time` the time.

    Two entries that are equal in all are one log.
    """
    for number, value in file.objects_of_lines():
        yield file.log(file.objects.read(value), id_of("victorialogs", value), number)
