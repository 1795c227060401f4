"""Moving in from files that other log stores export, made to the letter of their public forms."""

import gzip
import json
import struct
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.support.archive_runs import all_rows, archive
from tests.support.folders import fill
from tests.support.processes import run_waterline
from waterline.errors import DataFolderInUse, UsageError
from waterline.metrics.rollup_store import RollupStore
from waterline.storage.folder import DataFolder, ServerLock
from workbench.cli.migrate import EXPORTS
from workbench.migration.from_export import Export, Outcome, migrate_files

NOW = 1_795_600_000_000
DAY = 86_400_000
MOMENT = 1_795_514_400_123
"""2026-11-24 10:00:00.123 UTC."""


def move(export: Export, data: Path, *names: Path, **changes: Any) -> Outcome:  # noqa: ANN401
    given: dict[str, Any] = {"source": "old", "clock": lambda: NOW}
    return migrate_files(export, list(map(str, names)), DataFolder(data), **(given | changes))


def said(data: Path) -> list[tuple[str, int, str, dict[str, object]]]:
    """Return type, time, message and attributes of all logs, by time and message."""
    rows = [(each[2], each[3], each[6], json.loads(str(each[7]))) for each in all_rows(data)]
    return sorted(rows, key=lambda each: each[1:3])


def lines(path: Path, values: Iterable[object]) -> Path:
    path.write_text("".join(json.dumps(each) + "\n" for each in values))
    return path


LOGCLI = [
    {
        "labels": {"app": "shop", "level": "error"},
        "line": "till 7: drawer stuck",
        "timestamp": "2026-11-24T10:00:00.123456789Z",
    },
    {
        "labels": {"app": "shop", "trace_id": "0242ac120002"},
        "line": '{"level":"warn","msg":"slow","took_ms":1200}',
        "timestamp": "2026-11-24T11:00:01+01:00",
    },
]
QUERY_RANGE = {
    "status": "success",
    "data": {
        "resultType": "streams",
        "result": [
            {
                "stream": {"app": "shop", "level": "error"},
                "values": [["1795514400123456789", "till 7: drawer stuck"]],
            },
            {
                "stream": {"app": "shop"},
                "values": [
                    [
                        "1795514401000000000",
                        '{"level":"warn","msg":"slow","took_ms":1200}',
                        {"structuredMetadata": {"trace_id": "0242ac120002"}, "parsed": {}},
                    ]
                ],
            },
        ],
        "stats": {"summary": {"totalLinesProcessed": 2}},
    },
}
FROM_LOKI = [
    ("error", MOMENT, "till 7: drawer stuck", {"app": "shop"}),
    (
        "warning",
        1_795_514_401_000,
        "slow",
        {"took_ms": 1200, "app": "shop", "trace_id": "0242ac120002"},
    ),
]


def test_lines_of_logcli_and_answer_of_api_are_the_same_logs(data: Path, tmp_path: Path) -> None:
    done = move(Export.LOKI, data, lines(tmp_path / "loki.jsonl", LOGCLI))
    assert (done.is_whole, done.findings) == (True, [])
    assert said(data) == FROM_LOKI
    answer = tmp_path / "answer.json"
    answer.write_text(json.dumps(QUERY_RANGE, indent=2))
    again = move(Export.LOKI, data, answer)
    assert [each.known for each in again.tallies.values()] == [2]
    assert said(data) == FROM_LOKI


def test_answer_of_metric_query_is_refused(data: Path, tmp_path: Path) -> None:
    answer = tmp_path / "answer.json"
    answer.write_text('{"status":"success","data":{"resultType":"matrix","result":[]}}')
    with pytest.raises(UsageError, match="is the answer to a query for matrix; ask for logs"):
        move(Export.LOKI, data, answer)
    answer.write_text('{"status":"error"}')
    with pytest.raises(UsageError, match="is neither of `logcli query -o jsonl` nor of"):
        move(Export.LOKI, data, answer)


VICTORIALOGS = [
    {
        "_msg": "cannot open file",
        "_stream": '{app="shop",host="a"}',
        "_stream_id": "0000000000000000e934a84adb05276890d7f7bfcadabe92",
        "_time": "2026-11-24T10:00:00.123456789Z",
        "app": "shop",
        "host": "a",
        "level": "error",
        "took_ms": "12",
    },
    {
        "_msg": "opened",
        "_stream": "{}",
        "_stream_id": "000000000000000010e8d3f1b5c8f6b5b7f7bfcadabe9201",
        "_time": "2026-11-24T10:00:01Z",
    },
]


def test_lines_of_victorialogs_have_their_time_level_and_fields(data: Path, tmp_path: Path) -> None:
    path = lines(tmp_path / "victorialogs.jsonl", VICTORIALOGS)
    assert move(Export.VICTORIALOGS, data, path).is_whole
    first, second = said(data)
    assert first[:3] == ("error", MOMENT, "cannot open file")
    assert first[3] == {
        name: VICTORIALOGS[0][name] for name in ("_stream", "_stream_id", "app", "host", "took_ms")
    }
    assert second[:3] == ("info", 1_795_514_401_000, "opened")


JOURNAL: list[dict[str, Any]] = [
    {
        "__CURSOR": "s=739ad463348b4ceca5a9e69c95a3c93f;i=4ece7;b=6c7c6013a26343b29e964691ff25d04c;"
        "m=4fc72436e;t=4c508a72423d9;x=d3e5610681098c10",
        "__REALTIME_TIMESTAMP": "1795514400123456",
        "__MONOTONIC_TIMESTAMP": "21415215982",
        "PRIORITY": "4",
        "SYSLOG_IDENTIFIER": "gdm-password]",
        "MESSAGE": "ignoring unspecified session '8'",
        "_PID": "587",
        "_HOSTNAME": "epsilon",
    },
    {
        "__CURSOR": "s=739ad463348b4ceca5a9e69c95a3c93f;i=4ece8;b=6c7c6013a26343b29e964691ff25d04c;"
        "m=4fc72572f;t=4c508a7243799;x=68597058a89b7246",
        "__REALTIME_TIMESTAMP": "1795514401000000",
        "PRIORITY": "6",
        "MESSAGE": "foo\nbar",
        "_UDEV_DEVLINK": ["/dev/alias1", "/dev/alias2"],
        "BINARY": [255, 7],
    },
]


def exported(entries: Iterable[dict[str, Any]]) -> bytes:
    """Return entries as `journalctl -o export` writes them."""
    text = b""
    for entry in entries:
        for name, values in entry.items():
            many = values if isinstance(values, list) and isinstance(values[0], str) else [values]
            for value in many:
                content = bytes(value) if isinstance(value, list) else str(value).encode()
                if any(each < 32 and each != 9 for each in content):
                    text += name.encode() + b"\n" + struct.pack("<Q", len(content)) + content
                else:
                    text += name.encode() + b"=" + content
                text += b"\n"
        text += b"\n"
    return text


def test_export_and_json_of_journal_are_the_same_logs(data: Path, tmp_path: Path) -> None:
    path = tmp_path / "journal.export.gz"
    path.write_bytes(gzip.compress(exported(JOURNAL)))
    assert move(Export.JOURNALD, data, path).is_whole
    found = said(data)
    assert [each[:3] for each in found] == [
        ("warning", MOMENT, "ignoring unspecified session '8'"),
        ("info", 1_795_514_401_000, "foo\nbar"),
    ]
    assert found[1][3]["_UDEV_DEVLINK"] == ["/dev/alias1", "/dev/alias2"]
    assert found[1][3]["BINARY"] == "\\xff\x07"
    again = move(Export.JOURNALD, data, lines(tmp_path / "journal.json", JOURNAL))
    assert [(each.new, each.known) for each in again.tallies.values()] == [(0, 2)]
    assert again.findings == []


def test_journal_without_long_messages_is_told(data: Path, tmp_path: Path) -> None:
    entry = {**JOURNAL[0], "MESSAGE": None}
    sentence = "without the MESSAGE, which was too long for the export; use journalctl --all"
    done = move(Export.JOURNALD, data, lines(tmp_path / "journal.json", [entry]))
    assert done.findings == [f"{tmp_path / 'journal.json'}: 1 entry {sentence} (the first: 1)"]


@pytest.mark.parametrize("cut", [1, 5, 12])
def test_export_of_journal_that_ends_amid_field_is_refused(
    data: Path, tmp_path: Path, cut: int
) -> None:
    path = tmp_path / "journal.export"
    path.write_bytes(exported([{"MESSAGE": "foo\nbar"}])[:-1][:-cut])
    with pytest.raises(UsageError, match="ends amid an entry; export it again"):
        move(Export.JOURNALD, data, path)


def test_json_lines_are_read_as_send_reads_them(data: Path, tmp_path: Path) -> None:
    values: list[dict[str, Any]] = [
        {"id": "a", "type": "info", "message": "ours", "timestamp": MOMENT, "till": 7},
        {"level": "warn", "msg": "of another", "time": "2026-11-24T10:00:01Z"},
        {"type": "info", "message": "odd", "timestamp": "yesterday"},
    ]
    path = lines(tmp_path / "logs.jsonl", values)
    for _ in range(2):
        done = move(Export.JSONL, data, path)
        assert done.is_whole
        odd, undated = [each.split(" (the first")[0] for each in done.findings]
        assert odd.startswith(f"{path}: 1 line without the form of a log (timestamp must be an RFC")
        assert undated == f"{path}: 1 entry without a time, dated by the last change of the file"
    *sound, (kind, time, text, attributes) = said(data)
    assert sound == [
        ("info", MOMENT, "ours", {"till": 7}),
        ("warning", 1_795_514_401_000, "of another", {}),
    ]
    assert (kind, time, attributes) == ("info", int(path.stat().st_mtime * 1000), {})
    assert json.loads(text).items() >= values[2].items()


def test_second_run_adds_nothing_also_of_archived_logs(data: Path, tmp_path: Path) -> None:
    path = lines(tmp_path / "loki.jsonl", LOGCLI)
    move(Export.LOKI, data, path)
    archive(data, older_than=0, now=NOW + 1)
    lines(path, [*LOGCLI, {**LOGCLI[0], "line": "till 8"}, LOGCLI[0]])
    done = move(Export.LOKI, data, path, clock=lambda: NOW + 3 * DAY)
    assert [(each.new, each.known) for each in done.tallies.values()] == [(1, 3)]
    assert done.is_whole
    assert len(said(data)) == 3


def rows_of(copy: Path) -> int:
    with closing(apsw.Connection(str(copy))) as connection:
        return len(connection.execute("SELECT seq FROM logs").fetchall())


def test_logs_that_a_server_takes_after_an_interruption_are_in_the_copy(
    data: Path, tmp_path: Path
) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    fill(data, [{"id": "first", "type": "info", "message": "before all"}])
    path = lines(tmp_path / "loki.jsonl", LOGCLI)
    with pytest.raises(KeyboardInterrupt):
        move(Export.LOKI, data, path, progress=interrupt)
    fill(data, [{"id": f"{each}", "type": "info", "message": "acked"} for each in range(100)])
    RollupStore(DataFolder(data).metrics).close()
    lines(path, [*LOGCLI, {**LOGCLI[0], "line": "till 8"}])
    done = move(Export.LOKI, data, path)
    assert [rows_of(each) for each in done.copies.now if each.name.startswith("logs.db")] == [103]
    assert [each.name.split(".")[0] for each in done.copies.now] == ["logs", "metrics"]
    (earlier,) = done.copies.earlier
    assert rows_of(earlier) == 1
    # Both runs began in the same millisecond.
    assert len({*done.copies.now, *done.copies.earlier}) == len(list(data.glob("*before*")))


def test_run_that_stores_nothing_leaves_no_copy(data: Path, tmp_path: Path) -> None:
    path = lines(tmp_path / "loki.jsonl", LOGCLI)
    move(Export.LOKI, data, path)
    assert move(Export.LOKI, data, path).copies.now == []
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        move(Export.LOKI, data, tmp_path / "none")
    assert list(data.glob("*before*")) == []


def test_dry_run_stores_nothing(data: Path, tmp_path: Path) -> None:
    path = lines(tmp_path / "loki.jsonl", LOGCLI)
    done = move(Export.LOKI, data, path, dry_run=True)
    assert [each.new for each in done.tallies.values()] == [2]
    assert not data.exists()


def test_running_server_is_refused(data: Path, tmp_path: Path) -> None:
    DataFolder(data).create()
    with ServerLock(DataFolder(data)), pytest.raises(DataFolderInUse):
        move(Export.LOKI, data, lines(tmp_path / "loki.jsonl", LOGCLI))


def test_command_names_every_export() -> None:
    assert tuple(Export) == EXPORTS


def test_command_moves_files_and_wants_a_place(data: Path, tmp_path: Path) -> None:
    path = lines(tmp_path / "loki.jsonl", LOGCLI)
    done = run_waterline("migrate", "--from", "loki", path, "--source", "loki", "--data", data)
    assert (done.returncode, done.stderr) == (0, "")
    told = done.stdout.splitlines()
    assert told[0] == f"{path}: 2 logs read, 2 stored, 0 there already"
    assert told[1].startswith(
        f"compared {path}: 2 logs, 2 found again with source loki, 2 of them equal, SHA-256 "
    )


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            [],
            (
                "say where the logs are: --from-source DIR, or --from "
                "loki|victorialogs|jsonl|journald FILE..."
            ),
        ),
        (["a.jsonl"], "say what exported a.jsonl: --from loki|victorialogs|jsonl|journald"),
        (["--from", "loki"], "say which files loki exported: --from loki FILE..."),
        (
            ["--from-source", "old", "--from", "loki", "a.jsonl"],
            "--from-source old and --from loki cannot go together; move one after the other",
        ),
    ],
)
def test_command_says_which_of_its_arguments_is_missing(
    data: Path, arguments: list[str], sentence: str
) -> None:
    done = run_waterline("migrate", *arguments, "--data", data)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"waterline: {sentence}\n")


def test_files_that_cannot_be_read_do_not_keep_others_back(data: Path, tmp_path: Path) -> None:
    good, last = tmp_path / "a.export", tmp_path / "d.export"
    good.write_bytes(exported(JOURNAL))
    last.write_bytes(exported([{**JOURNAL[0], "__CURSOR": "d"}]))
    other = lines(tmp_path / "b.export", VICTORIALOGS)
    cut = tmp_path / "c.export"
    entries = [{**each, "__CURSOR": str(number)} for number, each in enumerate(JOURNAL)]
    cut.write_bytes(exported(entries)[:-3])
    files = good, other, cut, last, tmp_path / "e"
    for dry_run in (["--dry-run"], []):
        done = run_waterline("migrate", "--from", "journald", *files, *dry_run, "--data", data)
        assert done.returncode == 1
        stored = "would be stored" if dry_run else "stored"
        assert [each for each in done.stdout.splitlines() if "read," in each] == [
            f"{good}: 2 logs read, 2 {stored}, 0 there already",
            f"{cut}: 1 log read, 1 {stored}, 0 there already",
            f"{last}: 1 log read, 1 {stored}, 0 there already",
        ]
        assert done.stderr.splitlines() == [
            (
                f"waterline: {other} is no export of the journal: none of its first entries has "
                "__REALTIME_TIMESTAMP; name what made it with --from"
            ),
            f"waterline: {tmp_path / 'e'} cannot be read: No such file or directory",
            f"waterline: {cut} ends amid an entry; export it again",
        ]
    assert len(said(data)) == 4


def test_two_files_that_cannot_be_read_change_nothing(data: Path, tmp_path: Path) -> None:
    names = tmp_path / "a", tmp_path / "b"
    with pytest.raises(UsageError, match=r"a cannot be read: .*; and 1 other file cannot be read"):
        move(Export.JSONL, data, *names)
    assert not data.exists()


def test_export_of_another_form_is_refused(data: Path, tmp_path: Path) -> None:
    loki = lines(tmp_path / "loki.jsonl", LOGCLI)
    answer = tmp_path / "answer.json"
    answer.write_text(json.dumps(QUERY_RANGE, indent=2))
    victorialogs = lines(tmp_path / "victorialogs.jsonl", VICTORIALOGS)
    journal = lines(tmp_path / "journal.json", JOURNAL)
    export = tmp_path / "journal.export"
    export.write_bytes(exported(JOURNAL))
    text = tmp_path / "text.log"
    text.write_text("2026-11-24 10:00:00 a line of text\nand another\n")
    of = {
        Export.LOKI: {loki, answer},
        Export.VICTORIALOGS: {victorialogs},
        Export.JOURNALD: {journal, export},
    }
    files = {text}.union(*of.values())
    for form, own in of.items():
        for path in sorted(files - own):
            with pytest.raises(UsageError, match=r"is no export|is neither of `logcli|a NUL byte"):
                move(form, data, path)
        for path in own:
            assert move(form, data, path, dry_run=True).is_whole
    assert not data.exists()


@pytest.mark.parametrize("form", [Export.LOKI, Export.VICTORIALOGS, Export.JOURNALD])
def test_lines_of_json_that_end_amid_an_entry_are_told(
    data: Path, tmp_path: Path, form: Export
) -> None:
    exports: dict[Export, list[dict[str, Any]]] = {
        Export.LOKI: LOGCLI,
        Export.VICTORIALOGS: VICTORIALOGS,
        Export.JOURNALD: JOURNAL,
    }
    path = lines(tmp_path / "cut.json", exports[form])
    path.write_text(path.read_text()[:-5])
    done = move(form, data, path)
    assert (done.is_whole, done.findings) == (False, [])
    assert done.damaged == [f"{path} ends amid an entry; export it again"]
    assert len(said(data)) == 1


@pytest.mark.parametrize("cut", [1, 2, 5, 40])
def test_journal_export_that_ends_amid_an_entry_is_told(
    data: Path, tmp_path: Path, cut: int
) -> None:
    path = tmp_path / "journal.export"
    path.write_bytes(exported(reversed(JOURNAL))[:-cut])
    done = move(Export.JOURNALD, data, path)
    assert done.damaged == [f"{path} ends amid an entry; export it again"]
    assert len(said(data)) == 1


@pytest.mark.parametrize("form", Export)
def test_empty_export_has_no_logs(data: Path, tmp_path: Path, form: Export) -> None:
    (tmp_path / "empty").touch()
    done = move(form, data, tmp_path / "empty")
    assert (done.is_whole, [each.read for each in done.tallies.values()]) == (True, [0])


def test_entries_without_a_time_are_counted_in_the_plural(data: Path, tmp_path: Path) -> None:
    path = lines(tmp_path / "logs.jsonl", [{"message": "a"}, {"message": "b"}])
    (finding,) = move(Export.JSONL, data, path).findings
    assert finding.startswith(f"{path}: 2 entries without a time")
