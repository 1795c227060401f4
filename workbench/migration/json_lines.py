"""JSON lines, and any other lines that `waterline send` reads, moved in without a server."""

from collections.abc import Iterator

import msgspec

from waterline.records import DEFAULT_TYPE, InvalidLog, Record, check_log
from workbench.clients.log_files.reader import Reading, read_logs
from workbench.migration.entries import OldLog
from workbench.migration.export_files import ExportFile


def read_json_lines(file: ExportFile) -> Iterator[OldLog]:
    """Yield the logs of such a file, with the ids that `waterline send` gives them.

    Raises:
        UsageError: the file is no text.
    """
    with file.open() as stream:
        lines = read_logs(stream, name=file.name, reading=Reading(), reference=file.written)
        for line in lines:
            if line.log is None:
                file.note(f"left behind: {line.rejected}", line.number, "line")
                continue
            text, log_id = msgspec.json.encode(line.log).decode(), line.log["id"]
            try:
                record = check_log(line.log)
            except InvalidLog as error:
                what = f"without the form of a log ({error.reason}), kept as text"
                file.note(what, line.number, "line")
                record = Record(str(log_id), DEFAULT_TYPE, None, text, "{}")
            yield file.dated(record, line.number)
