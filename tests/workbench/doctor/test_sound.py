"""The doctor says nothing of what is sound, at rest and under load, and changes nothing."""

import hashlib
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from tests.support.forking import WATERLINE, run
from tests.support.made_certificates import make_certificate
from tests.support.patients import Patient, bad, told
from tests.support.rewriting_proxy import rewriting_proxy
from tests.support.sockets import connected, log, receive
from workbench.doctor.certificate import first_certificate, validity
from workbench.doctor.finding import Verdict
from workbench.doctor.registry import CHECKS

pytestmark = pytest.mark.slow


def traces(folder: Path) -> dict[str, tuple[int, str]]:
    """Return time and content of each file below a folder."""
    return {
        str(each.relative_to(folder)): (
            each.stat().st_mtime_ns,
            hashlib.sha256(each.read_bytes()).hexdigest() if each.is_file() else "",
        )
        for each in (folder, *folder.rglob("*"))
    }


def test_doctor_leaves_no_trace_in_a_folder_at_rest(patient: Patient) -> None:
    before = traces(patient.data)
    found = patient.examined()
    assert bad(found) == []
    assert traces(patient.data) == before
    assert {each.check for each in found.found} == {each.name for each in CHECKS}


def test_doctor_finds_nothing_where_it_reads_everything(patient: Patient) -> None:
    patient.is_full = True
    found = patient.examined()
    assert bad(found) == []
    ((_, archives),) = told(found, "archives")
    assert "3 batches" in archives
    assert "read and sound" in archives


def test_doctor_has_no_false_alarm_under_load(patient: Patient) -> None:
    server = patient.serve(
        "--archive-after", "1s", "--archive-every", "1s", "--ping-every", "300ms",
        "--dedupe-window", "1s",
    )  # fmt: skip
    patient.options |= {"archive_after": "1s", "archive_every": "1s", "ping_every": "300ms"}
    patient.options |= {"dedupe_window": "1s"}
    patient.environment["WATERLINE_TOKEN"] = patient.token
    proxy = patient.opened.enter_context(rewriting_proxy(server.ingest, lambda head: head))
    ended = threading.Event()
    acked = 0

    def load() -> None:
        nonlocal acked
        with connected(server) as socket:
            while not ended.is_set():
                for _ in range(200):
                    socket.send(log(message="m" * 200))
                for _ in range(200):
                    assert receive(socket)["type"] == "ack"
                acked += 200

    thread = threading.Thread(target=load)
    thread.start()
    try:
        for is_full, url in ((True, None), (False, proxy)):
            patient.is_full, patient.url = is_full, url
            found = patient.examined()
            assert bad(found) == []
    finally:
        ended.set()
        thread.join()
    assert acked > 1000
    assert told(found, "idle")[0][0] is Verdict.OK
    assert "held by our own server" in told(found, "ports")[0][1]


def test_command_tells_each_check_in_a_line_and_ends_with_its_code(patient: Patient) -> None:
    command = [WATERLINE, "doctor", "--data", str(patient.data)]
    for name, text in patient.options.items():
        command += [f"--{name.replace('_', '-')}", text]
    done = run(command, cwd=patient.beside)
    *lines, last = done.stdout.splitlines()
    assert (done.returncode, done.stderr) == (0, "")
    assert {line.split()[0] for line in lines} == {"ok", "skipped"}
    assert last.startswith("ok: ")
    as_json = msgspec.json.decode(run([*command, "--json"], cwd=patient.beside).stdout)
    assert as_json["verdict"] == "ok"
    assert len(as_json["findings"]) == len(lines)


@pytest.mark.parametrize("url", ["http://user:secret@127.0.0.1", "http://127.0.0.1/?token=secret"])
def test_address_with_a_secret_is_refused_without_showing_it(url: str) -> None:
    done = run([WATERLINE, "doctor", "--url", url])
    assert done.returncode == 1
    assert "set WATERLINE_TOKEN instead" in done.stderr
    assert "secret" not in done.stderr


@pytest.mark.parametrize("years", [1, 40])
def test_dates_of_a_certificate_are_read_of_both_forms(tmp_path: Path, years: int) -> None:
    length = timedelta(days=365 * years)
    path, _ = make_certificate(tmp_path, timedelta(0), length)
    der = first_certificate(path.read_text())
    assert der is not None
    begin, end = validity(der)
    assert abs(datetime.now(UTC) - begin) < timedelta(minutes=5)
    assert end - begin == length
    with pytest.raises(ValueError, match="cut off"):
        validity(der[:100])


def test_rights_of_a_group_are_told_and_no_fault(patient: Patient) -> None:
    ((_, alone),) = told(patient.examined(), "rights")
    assert "and no others can read its logs or write its files" in alone
    patient.data.chmod(0o750)
    patient.folder.logs.chmod(0o640)
    ((verdict, shared),) = told(patient.examined(), "rights")
    assert verdict is Verdict.OK
    assert "and their group alone can read its logs or write its files" in shared
