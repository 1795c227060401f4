"""The doctor names each fault that is planted for real, and says what to do."""

import os
import shutil
import socket
import subprocess
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Final

import msgspec
import pytest

from tests.support.archive_runs import catalog, lose_logs
from tests.support.cutting_proxy import cutting_proxy
from tests.support.folders import DAY, alter, fill
from tests.support.forking import OBEYING, WATERLINE, run
from tests.support.made_certificates import make_certificate
from tests.support.patients import Patient, bad, told
from tests.support.processes import stalled
from tests.support.rewriting_proxy import rewriting_proxy
from tests.support.tls import LOOPBACK, LOOPBACK_KEY, NAMED_KEY, start_secure_server
from tests.support.waiting import wait_until
from waterline.alerts.state import AlertStates, Delivery, Event, write_alerts
from waterline.backup.last import LastBackup, write_last
from waterline.clock import now_ms
from waterline.storage.checkpoints import LARGE_WAL
from waterline.storage.folder import ArchiveLock
from waterline.tokens import TokenFile
from workbench.doctor.archives import STUCK
from workbench.doctor.finding import Verdict
from workbench.doctor.versions import library_finding

pytestmark = pytest.mark.slow

WARNING, FAULT = Verdict.WARNING, Verdict.FAULT
_YEAR: Final = timedelta(days=365)
_PEOPLE: Final = 65534


@dataclass(frozen=True)
class Case:
    """A fault, and what is to be said of it."""

    name: str
    check: str
    verdict: Verdict
    reason: str
    advice: str
    plant: Callable[[Patient], object]


CASES: list[Case] = []


def case(
    check: str, verdict: Verdict, reason: str, advice: str
) -> Callable[[Callable[[Patient], object]], Callable[[Patient], object]]:
    """Register a function that plants a fault."""

    def add(plant: Callable[[Patient], object]) -> Callable[[Patient], object]:
        CASES.append(Case(plant.__name__, check, verdict, reason, advice, plant))
        return plant

    return add


@case("contradictions", WARNING, "shorter than archive_after", "raise archive_keep")
def keep_shorter_than_archive_after(patient: Patient) -> None:
    patient.options["archive_keep"] = "7d"


@case("contradictions", WARNING, "archive_keep_local is no", "set archive_dest")
def nowhere_but_here(patient: Patient) -> None:
    patient.options["archive_keep_local"] = "no"


@case("contradictions", WARNING, "node_name is set", "set archive_dest to the address of the lake")
def node_of_no_lake(patient: Patient) -> None:
    patient.options["node_name"] = "plant-a"


@case("contradictions", FAULT, "port and monitoring_port are both", "give monitoring_port another")
def two_on_one_port(patient: Patient) -> None:
    patient.options["monitoring_port"] = patient.options["port"]


@case("contradictions", WARNING, "proxies cut what is quiet", "set ping_every to 20s")
def seldom_pings(patient: Patient) -> None:
    patient.options |= {"ping_every": "2min", "idle_timeout": "10min"}


@case("contradictions", WARNING, "without TLS", "give tls_cert and tls_key")
def beyond_loopback_in_the_clear(patient: Patient) -> None:
    patient.options["host"] = "0.0.0.0"


@case("log file", FAULT, "there is no folder", "set log_file to another file")
def log_file_in_no_folder(patient: Patient) -> None:
    patient.options["log_file"] = str(patient.beside / "nowhere" / "waterline.log")


@case("log file", FAULT, "is a folder, so that no process starts", "set log_file to another file")
def log_file_that_is_a_folder(patient: Patient) -> None:
    patient.options["log_file"] = str(patient.beside)


@case("folder", FAULT, "is a file", "give the data folder")
def folder_is_a_file(patient: Patient) -> None:
    shutil.rmtree(patient.data)
    patient.data.touch()


@case("rights", WARNING, "all users of this machine can read", "chmod -R o-rwx")
def open_to_all(patient: Patient) -> None:
    patient.data.chmod(0o755)
    patient.folder.logs.chmod(0o644)


@case("rights", WARNING, "can write logs.db, the folder of", "chmod -R o-w")
def writable_by_all(patient: Patient) -> None:
    patient.data.chmod(0o777)
    patient.folder.logs.chmod(0o666)


@case("rights", WARNING, "logs.db belongs to another user", "chown -R --reference=")
def logs_of_another_user_in_a_folder_of_root(patient: Patient) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")
    os.chown(patient.folder.logs, _PEOPLE, _PEOPLE)


@case("rights", WARNING, " belongs to another user", "chown -R --reference=")
def batch_of_another_user(patient: Patient) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")
    file = catalog(patient.data)[0].file
    os.chown(patient.folder.archives / file, _PEOPLE, _PEOPLE)


@case("rights", FAULT, "logs.db belongs to another user", "chown -R --reference=")
def logs_of_another_user(patient: Patient) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root gives files away")
    os.chown(patient.data, _PEOPLE, _PEOPLE)
    for each in patient.data.rglob("*"):
        if each.name != "logs.db":
            os.chown(each, _PEOPLE, _PEOPLE)


@case("rights", WARNING, "can write", "chmod 600")
def tokens_that_others_write(patient: Patient) -> None:
    patient.folder.tokens.chmod(0o620)


def small_disk(patient: Patient, options: str) -> Path:
    """Move the folder to a small disk; return where that is."""
    root = patient.beside / "disk"
    root.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no small disk can be mounted: {done.stderr.strip()}")
    patient.opened.callback(subprocess.run, ["umount", "--lazy", str(root)], check=True)
    patient.data = Path(shutil.move(patient.data, root / "data"))
    return root


@case("disk", FAULT, "is full", "archive, prune, or get room")
def full_disk(patient: Patient) -> None:
    root = small_disk(patient, "size=8M")
    with suppress(OSError), (root / "ballast").open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))


@case("disk", WARNING, "are free on the disk", "archive, prune, or get room")
def nearly_full_disk(patient: Patient) -> None:
    small_disk(patient, "size=64M")


@case("inodes", FAULT, "0 of 100 inodes", "make the file system with more inodes")
def no_inodes(patient: Patient) -> None:
    root = small_disk(patient, "size=64M,nr_inodes=100")
    with suppress(OSError):
        for number in count():
            (root / str(number)).touch()


@case("descriptors", WARNING, "only about 192 connections", "ulimit -Hn")
def few_descriptors(patient: Patient) -> None:
    server = patient.serve()
    server.expected_errors.append("only about")
    limit = ["prlimit", "--nofile=256:256", "--pid", str(server.process.pid)]
    subprocess.run(limit, check=True)


@case("ports", FAULT, "held by another program, ", "choose another port with --port")
def port_of_another(patient: Patient) -> None:
    port = int(patient.options["port"])
    patient.opened.enter_context(socket.create_server(("127.0.0.1", port)))


@case("dashboard", FAULT, "held by another program", "--dashboard-port")
def dashboard_port_of_another(patient: Patient) -> None:
    answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    other = patient.opened.enter_context(rewriting_proxy("http://127.0.0.1:1", lambda _: answer))
    patient.options["dashboard_port"] = other.rpartition(":")[2]


@case("questions", FAULT, "held by another program", "--query-port")
def query_port_of_another(patient: Patient) -> None:
    answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
    other = patient.opened.enter_context(rewriting_proxy("http://127.0.0.1:1", lambda _: answer))
    patient.options["query_port"] = other.rpartition(":")[2]


@case("server", FAULT, "holds the folder, and no server answers", "it hangs: start it again")
def hanging_server(patient: Patient) -> None:
    patient.opened.enter_context(stalled(patient.serve().process))


@case("server", FAULT, "logs are not stored: ", "before you stop the server")
def deleted_under_the_server(patient: Patient) -> None:
    server = patient.serve()
    server.expected_errors += ["was deleted or replaced", "cannot be opened"]
    patient.folder.logs.rename(patient.beside / "logs.db")
    patient.opened.callback((patient.beside / "logs.db").rename, patient.folder.logs)
    wait_until(lambda: server.get("/health")[0] == 503)


@case("clock", FAULT, "ahead of the clock", "set the clock right")
def newest_log_of_the_future(patient: Patient) -> None:
    fill(patient.data, [{"type": "info", "message": "late"}], received_at=now_ms() + 3 * DAY)


@case("clock", WARNING, "tokens.toml was written at", "set the clock right")
def file_of_the_future(patient: Patient) -> None:
    moment = now_ms() / 1000 + 7200
    os.utime(patient.folder.tokens, (moment, moment))


@case("tokens", FAULT, "tokens.toml is damaged", "make the tokens anew")
def damaged_tokens(patient: Patient) -> None:
    patient.folder.tokens.write_text("[web\n")


@case("tokens", WARNING, "there is no token", "waterline token create NAME --scope ingest")
def no_tokens(patient: Patient) -> None:
    TokenFile(patient.folder.tokens).revoke("test")


@case("tokens", WARNING, "WATERLINE_TOKEN holds a token", "waterline token create")
def token_of_another_folder(patient: Patient) -> None:
    patient.environment["WATERLINE_TOKEN"] = "wl_of-another-folder"


@case("logs.db", FAULT, "logs.db is damaged", "restore a copy")
def damaged_page(patient: Patient) -> None:
    with patient.folder.logs.open("r+b") as file:
        file.seek(20 * 4096)
        file.write(os.urandom(8 * 4096))


@case("logs.db", FAULT, "is damaged or no database", "restore a copy")
def no_database(patient: Patient) -> None:
    patient.folder.logs.write_text("these are logs, of a kind\n" * 400)


@case("logs.db", FAULT, "has schema version 99", "use the Waterline that made it")
def written_by_a_later_version(patient: Patient) -> None:
    alter(patient.folder.logs, "PRAGMA user_version = 99")


@case("logs.db", FAULT, "has archives, such as", "waterline archive adopt")
def lost_logs(patient: Patient) -> None:
    lose_logs(patient.data)


@case("logs.db", FAULT, "is only half restored from the backup 2026", "waterline restore")
def half_restored(patient: Patient) -> None:
    patient.folder.restoring.write_text("20261130T031500.123Z")


@case("metrics.db", FAULT, "metrics.db is damaged", "restore a copy")
def damaged_metrics(patient: Patient) -> None:
    with patient.folder.metrics.open("r+b") as file:
        file.write(bytes(200))


@case("metrics.db", WARNING, "it is an older copy", "put the newer logs.db back")
def older_copy_of_logs(patient: Patient) -> None:
    alter(patient.folder.logs, "DELETE FROM logs WHERE seq > 100")


@case("cache.db", WARNING, "cache.db is damaged", "delete it")
def damaged_cache(patient: Patient) -> None:
    patient.folder.cache.write_bytes(b"no cache at all" * 1000)


@case("wal", WARNING, "keeps a transaction open", "end it, such as ")
def wal_held_by_a_reader(patient: Patient) -> None:
    patient.serve()
    shm = patient.data / "logs.db-shm"
    patient.opened.enter_context(shm.open("rb"))  # as one that reads has it open
    grown = patient.opened.enter_context((patient.data / "logs.db-wal").open("r+b"))
    size = grown.seek(0, os.SEEK_END)
    patient.opened.callback(grown.truncate, size)
    grown.truncate(LARGE_WAL + 1)


@case("archives", FAULT, "archive files are missing", "put copies in their place")
def missing_batches(patient: Patient) -> None:
    for each in catalog(patient.data):
        (patient.folder.archives / each.file).unlink()


@case("archives", FAULT, "bytes, and the catalog says", "put a copy in its place")
def truncated_batch(patient: Patient) -> None:
    file = patient.folder.archives / catalog(patient.data)[0].file
    os.truncate(file, file.stat().st_size - 1)


@case("archives", FAULT, "is damaged", "put a copy in its place")
def flipped_bit_in_a_batch(patient: Patient) -> None:
    file = patient.folder.archives / catalog(patient.data)[0].file
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    patient.is_full = True


@case("archives", FAULT, "is older than its archives", "put the logs.db back")
def logs_older_than_archives(patient: Patient) -> None:
    last = catalog(patient.data)[-1]
    alter(
        patient.folder.logs,
        f"DELETE FROM archive_batches WHERE batch = {last.batch}",
        f"UPDATE seam SET archived_through = {last.first_seq - 1}",
    )


@case("archive runs", WARNING, "no server runs that does it", "waterline archive run")
def logs_long_due(patient: Patient) -> None:
    patient.options |= {"archive_after": "1h", "archive_every": "1h"}


@case("archive runs", WARNING, "is at work since", "may be ended at any moment")
def hanging_archive_job(patient: Patient) -> None:
    patient.opened.enter_context(ArchiveLock(patient.folder))
    begun = (now_ms() - 2 * STUCK) / 1000
    os.utime(patient.folder.archive_lock, (begun, begun))


@case("object storage", FAULT, "connection refused", "check AWS_ENDPOINT_URL")
def store_that_is_down(patient: Patient) -> None:
    patient.options["archive_dest"] = "s3://logs/waterline"
    patient.environment |= {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "never-to-be-seen",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{patient.options['port']}",
    }


@case("object storage", FAULT, "is set without AWS_SECRET_ACCESS_KEY", "set both")
def half_of_the_credentials(patient: Patient) -> None:
    patient.options["archive_dest"] = "s3://logs/waterline"
    patient.environment["AWS_ACCESS_KEY_ID"] = "never-to-be-seen"


@case("backups", WARNING, "no backup was taken since", "waterline backup")
def backups_that_have_stopped(patient: Patient) -> None:
    patient.options["backup_to"] = "s3://logs/backups"
    last = LastBackup(
        place="s3://logs/backups", name="1", taken_at=now_ms() - 9 * DAY, logs=1, size=1, lacks=0
    )
    write_last(patient.folder, last)


@case("backups", WARNING, "on the same disk as", "set it to another disk")
def backups_on_the_same_disk(patient: Patient) -> None:
    (patient.beside / "backups").mkdir()
    patient.options["backup_to"] = str(patient.beside / "backups")


@case("backups", FAULT, "is no folder, so that no backup is taken", "set it to another folder")
def backups_into_a_file(patient: Patient) -> None:
    (patient.beside / "backups").touch()
    patient.options["backup_to"] = str(patient.beside / "backups")


def certified(patient: Patient, certificate: Path, key: Path) -> None:
    patient.options |= {"tls_cert": str(certificate), "tls_key": str(key)}


@case("tls", FAULT, "has expired at", "renew it")
def expired_certificate(patient: Patient) -> None:
    certified(patient, *make_certificate(patient.beside, -_YEAR, timedelta(hours=-1)))


@case("tls", WARNING, "expires in 4 days", "renew it")
def certificate_about_to_expire(patient: Patient) -> None:
    certified(patient, *make_certificate(patient.beside, -_YEAR, timedelta(days=5)))


@case("tls", FAULT, "which is to come", "set the clock right")
def certificate_of_the_future(patient: Patient) -> None:
    certified(patient, *make_certificate(patient.beside, timedelta(days=1), _YEAR))


@case("tls", FAULT, "is not the key of the certificate", "that were made together")
def key_of_another_certificate(patient: Patient) -> None:
    certified(patient, LOOPBACK, NAMED_KEY)


@case("tls", WARNING, "all users of this machine can read", "chmod 600")
def key_that_all_can_read(patient: Patient) -> None:
    certificate, key = make_certificate(patient.beside, -_YEAR, _YEAR)
    key.chmod(0o644)
    certified(patient, certificate, key)


@case("tls", WARNING, "shows another certificate", "by SIGHUP")
def certificate_that_the_server_has_not_read(patient: Patient) -> None:
    own = [Path(shutil.copy(each, patient.beside)) for each in (LOOPBACK, LOOPBACK_KEY)]
    own[1].chmod(0o600)
    TokenFile(patient.folder.tokens).revoke("test")
    server = start_secure_server(patient.data, "--tls-cert", str(own[0]), "--tls-key", str(own[1]))
    server.expected_errors.append("(?i)unknown.ca")  # as it shows another than the settings name
    patient.opened.callback(server.stop)
    patient.options["port"] = server.ingest.rpartition(":")[2].partition("/")[0]
    certificate, key = make_certificate(patient.beside, -_YEAR, _YEAR)
    certificate.replace(own[0])
    key.replace(own[1])
    certified(patient, own[0], own[1])


@case("alerts", WARNING, "alerts.json is damaged", "incidents that are open are told anew")
def damaged_alerts(patient: Patient) -> None:
    (patient.data / "alerts.json").write_text('{"states": 7}')


@case("alerts", WARNING, "http://127.0.0.1:9 of the alert errors takes", "mend the receiver")
def webhook_that_refuses(patient: Patient) -> None:
    (patient.data / "waterline.toml").write_text(
        '[[alerts]]\nname = "errors"\nkind = "count"\nabove = 5\nover = "1min"\n'
        'webhook = "http://127.0.0.1:9/never-to-be-seen"\n'
    )
    event = Event("1", "open", "1", "errors", "count", "", "", None, None, 9.0, 5.0, 0, 0)
    write_alerts(patient.folder, AlertStates(deliveries=[Delivery(event, 3, "connection refused")]))


def proxied(patient: Patient, rewrite: Callable[[bytes], bytes]) -> None:
    server = patient.serve()
    patient.url = patient.opened.enter_context(rewriting_proxy(server.ingest, rewrite))


@case("idle", FAULT, "WebSockets do not get through", "proxy_set_header Upgrade")
def proxy_that_drops_upgrades(patient: Patient) -> None:
    patient.environment["WATERLINE_TOKEN"] = patient.token
    proxied(patient, lambda head: head.replace(b"Upgrade: websocket\r\n", b""))


@case("origin", FAULT, "on the way Host becomes another", "proxy_set_header Host $http_host")
def proxy_that_changes_host(patient: Patient) -> None:
    def rewrite(head: bytes) -> bytes:
        name, _, rest = head.partition(b"\r\nHost: ")
        return name + b"\r\nHost: backend\r\n" + rest.partition(b"\r\n")[2]

    proxied(patient, rewrite)


@case("upload", FAULT, "refused on the way (413)", "client_max_body_size 0")
def proxy_that_refuses_large_bodies(patient: Patient) -> None:
    patient.environment["WATERLINE_TOKEN"] = patient.token
    patient.options["ping_every"] = "200ms"  # it waits for a silent WebSocket too
    refused = b"HTTP/1.1 413 Request Entity Too Large\r\nContent-Length: 0\r\n\r\n"
    proxied(patient, lambda head: refused if head.startswith(b"POST") else head)


@case("address", FAULT, "answers 502, and that is not Waterline", "see that the server runs")
def proxy_without_a_server(patient: Patient) -> None:
    answer = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 4\r\n\r\noops"
    proxied(patient, lambda _: answer)


@case("address", FAULT, "a password is asked for on the way", "pass without one")
def proxy_that_asks_for_a_password(patient: Patient) -> None:
    answer = b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"
    proxied(patient, lambda _: answer)


@case("address", FAULT, "does not answer: Connection refused", "see that the proxy runs")
def nobody_at_the_address(patient: Patient) -> None:
    patient.url = f"http://127.0.0.1:{patient.options['port']}/ingest"


@case("address", FAULT, "is not trusted", "SSL_CERT_FILE")
def address_whose_certificate_nobody_knows(patient: Patient) -> None:
    TokenFile(patient.folder.tokens).revoke("test")
    server = start_secure_server(
        patient.data, "--tls-cert", str(LOOPBACK), "--tls-key", str(LOOPBACK_KEY)
    )
    server.expected_errors += ["(?i)unknown.ca", "(?i)http.request"]
    patient.opened.callback(server.stop)
    patient.url = server.ingest


@case("idle", FAULT, "was cut after 0.", "set ping_every to 1s or less")
def proxy_that_cuts_what_is_quiet(patient: Patient) -> None:
    server = patient.serve()
    patient.environment["WATERLINE_TOKEN"] = patient.token
    proxy = patient.opened.enter_context(cutting_proxy(server.ingest, 0.5))
    patient.url = proxy.url


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_doctor_names_the_fault_and_says_what_to_do(case: Case, patient: Patient) -> None:
    before = bad(patient.examined())
    case.plant(patient)
    found = patient.examined()
    assert before == []
    of_check = [text for verdict, text in told(found, case.check) if verdict is case.verdict]
    assert any(case.reason in text and case.advice in text for text in of_check), bad(found)
    assert not any("never-to-be-seen" in each.finding.sentence for each in found.found)
    assert patient.token not in str(found)


def test_at_least_25_faults_are_planted() -> None:
    assert len(CASES) >= 25


def test_unknown_setting_is_named_and_all_else_is_skipped(patient: Patient) -> None:
    (patient.data / "waterline.toml").write_text('quene_size = "1MiB"\n')
    done = run([WATERLINE, "doctor", "--json", "--data", str(patient.data)], cwd=patient.beside)
    found = msgspec.json.decode(done.stdout)
    first, *others = found["findings"]
    assert (done.returncode, found["verdict"], first["check"]) == (2, "fault", "settings")
    assert first["advice"] == "did you mean queue_size?"
    assert {each["verdict"] for each in others} == {"skipped"}


def test_folder_that_this_user_cannot_write_is_a_fault(patient: Patient) -> None:
    patient.data.chmod(0o500)
    command = [*OBEYING, WATERLINE, "doctor", "--data", str(patient.data)]
    done = run(command, cwd=patient.beside)
    patient.data.chmod(0o700)
    (line,) = [each for each in done.stdout.splitlines() if " folder " in each]
    assert done.returncode == 2
    assert "cannot be read and written by this user" in line
    assert "run as the user that it belongs to" in line


@pytest.mark.parametrize("damage", ["truncated", "zeroed"])
def test_damaged_logs_are_one_fault(patient: Patient, damage: str) -> None:
    with patient.folder.logs.open("r+b") as file:
        file.truncate(2000) if damage == "truncated" else file.write(bytes(4096))
    found = patient.examined()
    (only,) = bad(found)
    assert only.startswith("fault logs.db: ")
    for check in ("clock", "archives", "archive runs"):
        ((verdict, text),) = told(found, check)
        assert (verdict, text) == (
            Verdict.SKIPPED,
            "logs.db cannot be read: see the check logs.db",
        )


def test_folder_that_this_user_cannot_make_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "parent").mkdir(0o500)
    missing = tmp_path / "parent" / "data"
    done = run([*OBEYING, WATERLINE, "doctor", "--data", str(missing)], cwd=tmp_path)
    (line,) = [each for each in done.stdout.splitlines() if each.split()[1] == "folder"]
    assert done.returncode == 2
    assert f") cannot write {missing.parent}, so that the server does not start" in line


def test_log_file_that_others_own_is_a_fault_and_is_left(patient: Patient) -> None:
    path = patient.beside / "waterline.log"
    patient.options["log_file"] = str(path)
    ((verdict, _),) = told(patient.examined(), "log file")
    assert verdict is Verdict.OK
    assert not path.exists()
    path.touch(0o400)
    command = [*OBEYING, WATERLINE, "doctor", "--data", str(patient.data), "--log-file", str(path)]
    done = run(command, cwd=patient.beside)
    (line,) = [each for each in done.stdout.splitlines() if " log file " in each]
    assert done.returncode == 2
    assert f") cannot write {path}, so that no process starts" in line


def test_old_library_is_a_fault() -> None:
    found = library_finding(3_051_002, "3.51.2")
    assert (found.verdict, "can lose committed logs" in found.reason) == (FAULT, True)
    assert "install apsw 3.51.3 or later" in found.advice
