"""Real log files, read whole and counted in another way."""

import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from workbench.clients.log_files.extract import Extraction
from workbench.clients.log_files.reader import Reading, read_logs

FOLDER = Path(__file__).parents[5] / "shared" / "data"
REFERENCE = datetime(2024, 6, 1, tzinfo=UTC)
TYPES = {"INFO": "info", "WARN": "warning", "WARNING": "warning", "ERROR": "error"}
SYSTEMS = ("HDFS", "Spark", "Zookeeper", "OpenStack", "Linux", "OpenSSH")


def real_file(name: str) -> Path:
    path = FOLDER / name
    if not path.is_file():
        pytest.skip(f"the real log file {name} is not on this machine")
    return path


def logs(name: str, extraction: Extraction | None = None) -> list[dict[str, object]]:
    path = real_file(name)
    with path.open("rb") as stream:
        lines = list(
            read_logs(
                stream, name=name, reading=Reading(extraction=extraction), reference=REFERENCE
            )
        )
    assert not [line.rejected for line in lines if line.rejected]
    assert lines[-1].end == path.stat().st_size
    return [line.log for line in lines if line.log]


def text_lines(name: str) -> list[str]:
    return real_file(name).read_bytes().decode().removesuffix("\n").split("\n")


@pytest.mark.slow
def test_an_access_log_is_read_whole() -> None:
    found = logs("apache_access.log")
    statuses = [line.split('"')[2].split()[0] for line in text_lines("apache_access.log")]
    by_class = Counter(status[0] for status in statuses)
    assert len(found) == len({log["id"] for log in found}) == 10_000
    assert Counter(log["type"] for log in found) == {
        "error": by_class["5"],
        "warning": by_class["4"],
        "info": by_class["2"] + by_class["3"],
    }
    cut_off = [log for log in found if "rest" in log]
    assert len(cut_off) == 1
    assert f" {cut_off[0]['rest']}" in "".join(text_lines("apache_access.log"))
    assert all(isinstance(log["timestamp"], int) for log in found)


@pytest.mark.parametrize("system", SYSTEMS)
def test_every_line_of_a_system_is_a_log_with_its_text_and_a_time(system: str) -> None:
    found = logs(f"{system}.log")
    expected = [line.removesuffix("\r") for line in text_lines(f"{system}.log")]
    assert [log["message"] for log in found] == expected
    assert len({log["id"] for log in found}) == len(found) == 2000
    assert all("timestamp" in log for log in found)


@pytest.mark.parametrize(
    ("system", "form", "columns"),
    [
        ("HDFS", "%y%m%d %H%M%S", slice(0, 2)),
        ("Spark", "%y/%m/%d %H:%M:%S", slice(0, 2)),
        ("Zookeeper", "%Y-%m-%d %H:%M:%S,%f", slice(0, 2)),
        ("OpenStack", "%Y-%m-%d %H:%M:%S.%f", slice(1, 3)),
        ("Linux", "%Y %b %d %H:%M:%S", slice(0, 3)),
        ("OpenSSH", "%Y %b %d %H:%M:%S", slice(0, 3)),
    ],
)
def test_the_times_of_a_system_are_those_of_its_columns(
    system: str, form: str, columns: slice
) -> None:
    year = "2023 " if form.startswith("%Y %b") else ""
    expected = [
        datetime.strptime(f"{year}{' '.join(line.split()[columns])}", form).replace(tzinfo=UTC)
        for line in text_lines(f"{system}.log")
    ]
    found = [log["timestamp"] for log in logs(f"{system}.log")]
    assert found == [round(moment.timestamp() * 1000) for moment in expected]


@pytest.mark.parametrize(
    ("system", "column"), [("HDFS", 4), ("Spark", 3), ("Zookeeper", 4), ("OpenStack", 5)]
)
def test_the_types_of_a_system_are_those_of_its_level_column(system: str, column: int) -> None:
    expected = [TYPES[line.split()[column - 1]] for line in text_lines(f"{system}.log")]
    assert [log["type"] for log in logs(f"{system}.log")] == expected


@pytest.mark.parametrize("system", ["Linux", "OpenSSH"])
def test_syslog_lines_have_the_type_their_program_gave(system: str) -> None:
    def expected(line: str) -> str:
        if re.search(r"^.{15} \w+ \S+: (error: |fatal: |ALERT )", line):
            return "error"
        return "warning" if re.search(r"^.{15} \w+ \S+: warning: ", line) else "info"

    types = [expected(line) for line in text_lines(f"{system}.log")]
    assert len(set(types)) > 1
    assert [log["type"] for log in logs(f"{system}.log")] == types


def test_the_latencies_of_a_system_can_be_extracted() -> None:
    found = logs("OpenStack.log", Extraction(r"time: (?P<duration_s>[0-9.]+)"))
    durations = [log["duration_s"] for log in found if "duration_s" in log]
    expected = [
        float(line.split("time: ")[1]) for line in text_lines("OpenStack.log") if "time: " in line
    ]
    assert len(durations) == 1017
    assert all(isinstance(duration, float) for duration in durations)
    assert durations == expected
