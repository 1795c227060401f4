"""What becomes of a question on its way: whole, or one clear sentence."""

import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import pytest

import workbench
from tests.support.archives import archive, path_of
from tests.support.folders import NOON, fill
from tests.support.made_certificates import make_certificate
from tests.support.processes import PATIENCE, stalled
from tests.support.questions import Questions, answering, create_ingest_token, revoke
from tests.support.rewriting_proxy import rewriting_proxy
from tests.support.shortening_proxy import shortening_proxy
from tests.support.tls import LOOPBACK, LOOPBACK_KEY, NAMED, WITH_LOOPBACK
from tests.support.waiting import wait_until
from waterline.encoding import PARQUET
from waterline.errors import (
    IncompleteAnswer,
    MissingLogs,
    QueryError,
    ServerUnreachable,
    TokenError,
    UsageError,
)

pytestmark = pytest.mark.slow

LOGS = 30_000
BROKEN = r"broke off|has broken off"
ENDLESS = "SELECT count(*) FROM logs a, logs b, logs c WHERE a.message < b.message || c.id"


def fill_many(data: Path, count: int = LOGS) -> None:
    for begin in range(0, count, 10_000):
        logs = [
            {"type": "info", "message": f"request {place}", "timestamp": NOON + place}
            for place in range(begin, min(count, begin + 10_000))
        ]
        fill(data, logs)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Questions]:
    data = tmp_path_factory.mktemp("many") / "data"
    fill_many(data)
    with answering(data) as questions:
        yield questions


def test_an_answer_that_breaks_off_anywhere_is_an_error(many: Questions) -> None:
    with (
        shortening_proxy(many.url) as proxy,
        workbench.connect(proxy.url, token=many.token, cache=False) as wb,
    ):
        assert len(wb.logs()) == LOGS
        wait_until(lambda: len(proxy.answers) == 2, "the end of the answer")
        whole = proxy.answers[-1]
        assert whole > 500_000
        # The last five bytes are an empty chunk: of that, its number is enough.
        for most in [1, 100, *range(10_000, whole, 10_000), whole - 300, whole - 5]:
            proxy.most = most
            with pytest.raises(ServerUnreachable, match=BROKEN):
                wb.logs()
        proxy.most = 200
        for ask in (wb.count, wb.holdings, lambda: wb.sql("SELECT 1"), lambda: [*wb.iter_logs()]):
            with pytest.raises(ServerUnreachable, match=BROKEN):
                ask()
        proxy.most = None
        assert wb.count() == LOGS


def test_pieces_end_in_an_error_where_the_answer_breaks_off(many: Questions) -> None:
    with (
        shortening_proxy(many.url) as proxy,
        workbench.connect(proxy.url, token=many.token) as wb,
    ):
        proxy.most = 600_000
        pieces = wb.iter_logs()
        assert len(next(pieces)) > 10_000
        with pytest.raises(ServerUnreachable, match=BROKEN):
            list(pieces)


def test_a_token_that_is_wrong_missing_or_may_not_read_is_told(
    many: Questions, monkeypatch: pytest.MonkeyPatch
) -> None:
    producer = create_ingest_token(many.data)
    with pytest.raises(TokenError, match="refused the token: this token is unknown"):
        workbench.connect(many.url, token="wl_nonsense")
    with pytest.raises(TokenError, match="lacks the scope read") as found:
        workbench.connect(many.url, token=producer)
    assert producer not in str(found.value)
    monkeypatch.delenv("WATERLINE_TOKEN", raising=False)
    with pytest.raises(TokenError, match="set the variable WATERLINE_TOKEN"):
        workbench.connect(many.url)
    monkeypatch.setenv("WATERLINE_TOKEN", many.token)
    with workbench.connect(many.url) as wb:
        assert many.token not in repr(wb)
        assert many.token not in repr(vars(wb._session))
    with pytest.raises(UsageError, match="blanks or other characters"):
        workbench.connect(many.url, token="wl_a\r\nHost: x")


def test_a_token_that_is_revoked_is_told_at_the_next_question(tmp_path: Path) -> None:
    fill_many(tmp_path / "data", 10)
    with answering(tmp_path / "data") as questions:
        wb = workbench.connect(questions.url, token=questions.token, cache=False)
        assert wb.count() == 10
        revoke(questions.data)
        with pytest.raises(TokenError, match="was it revoked"):
            wb.count()


def test_tls_with_a_certificate_of_ones_own(tmp_path: Path) -> None:
    fill_many(tmp_path / "data", 10)
    with answering(tmp_path / "data", *WITH_LOOPBACK) as questions:
        assert questions.url.startswith("https://")
        questions.expected_errors.append("SSL Error on")
        with workbench.connect(
            questions.url, token=questions.token, certificate=LOOPBACK, cache=False
        ) as wb:
            assert wb.count() == 10
        with pytest.raises(ServerUnreachable, match="is not trusted"):
            workbench.connect(questions.url, token=questions.token)
        with pytest.raises(ServerUnreachable, match="is not trusted"):
            workbench.connect(questions.url, token=questions.token, certificate=NAMED)
        with pytest.raises(ServerUnreachable):
            workbench.connect(questions.url.replace("https", "http"), token=questions.token)


def test_an_expired_certificate_is_told(tmp_path: Path) -> None:
    fill_many(tmp_path / "data", 10)
    certificate, key = make_certificate(tmp_path, timedelta(days=-9), timedelta(days=-1))
    tls = ("--tls-cert", certificate, "--tls-key", key)
    with answering(tmp_path / "data", *tls) as questions:
        questions.expected_errors.append("SSL Error on")
        with pytest.raises(ServerUnreachable, match="certificate has expired"):
            workbench.connect(questions.url, token=questions.token, certificate=certificate)


def test_a_renewed_certificate_is_taken_at_a_signal(tmp_path: Path) -> None:
    fill_many(tmp_path / "data", 10)
    certificate, key = make_certificate(tmp_path, timedelta(days=-9), timedelta(days=-1))
    tls = ("--tls-cert", certificate, "--tls-key", key)
    with answering(tmp_path / "data", *tls) as questions:
        make_certificate(tmp_path, timedelta(days=-1), timedelta(days=1))
        questions.process.send_signal(1)

        def has_new() -> bool:
            address = questions.url.removeprefix("https://").rpartition(":")
            shown = ssl.get_server_certificate((address[0], int(address[2])))
            return shown.split() == certificate.read_text().split()

        wait_until(has_new, "the new certificate")
        with workbench.connect(
            questions.url, token=questions.token, certificate=certificate, cache=False
        ) as wb:
            assert wb.count() == 10


def test_nobody_at_an_address_and_one_who_is_no_waterline_are_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        def answer() -> None:
            for _ in range(2):
                connection, _address = listener.accept()
                with connection:
                    connection.recv(2**16)
                    connection.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nhi")

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(ServerUnreachable, match="HTTP status 404; is `waterline query` there"):
            workbench.connect(f"http://127.0.0.1:{port}", token="wl_x")
    with pytest.raises(ServerUnreachable, match="is `waterline query` running there"):
        workbench.connect(f"http://127.0.0.1:{port}", token="wl_x")


@pytest.mark.parametrize(
    "url", ["http://", "https://user:secret@host:3003", "http://host:port", "http://host/?token=x"]
)
def test_an_address_that_is_none_is_told_without_secrets(url: str) -> None:
    with pytest.raises(UsageError) as found:
        workbench.connect(url, token="wl_x")
    assert "secret" not in str(found.value)


def test_token_and_certificate_are_refused_for_a_folder(many: Questions) -> None:
    with pytest.raises(UsageError, match="leave them out for a folder"):
        workbench.connect(many.data, token="wl_x")


def test_address_of_another_protocol_is_no_folder() -> None:
    with pytest.raises(UsageError, match="begins with https:// or http://") as found:
        workbench.connect("ws://user:secret@host:3001", token="wl_x")
    assert "secret" not in str(found.value)


def test_errors_are_those_of_the_folder(many: Questions) -> None:
    with (
        workbench.connect(many.url, token=many.token, cache=False) as wb,
        pytest.raises(QueryError) as found,
    ):
        wb.patterns(query="status:9..1")
    assert (found.value.text, found.value.at[0]) == ("status:9..1", 7)


def test_missing_files_are_named_or_left_out_as_of_the_folder(tmp_path: Path) -> None:
    data = tmp_path / "data"
    fill_many(data)
    batches = archive(data, [(2_000, PARQUET), (1_000, PARQUET), (500, PARQUET)], clear=True)
    path_of(data, batches[0]).unlink()
    path_of(data, batches[2]).write_bytes(b"PAR1")
    with (
        answering(data) as questions,
        workbench.connect(data, cache=False) as here,
        workbench.connect(questions.url, token=questions.token, cache=False) as there,
    ):
        for limit in (None, 29_900, 28_000):
            said = []
            for wb in (here, there):
                with pytest.raises(IncompleteAnswer) as found:
                    wb.logs(limit=limit)
                said.append(str(found.value))
            assert said[0] == said[1]
            assert batches[2].file in said[0]
            with pytest.warns(MissingLogs):
                mine = here.logs(limit=limit, incomplete="warn")
            with pytest.warns(MissingLogs):
                theirs = there.logs(limit=limit, incomplete="warn")
            assert theirs["seq"].tolist() == mine["seq"].tolist()
            assert theirs.attrs["missing"] == mine.attrs["missing"]


def test_twenty_at_once_are_all_answered(many: Questions) -> None:
    def ask(number: int) -> int:
        with workbench.connect(many.url, token=many.token, cache=False) as wb:
            return len(wb.logs()) + wb.count(type="info", limit=number)

    with ThreadPoolExecutor(20) as pool:
        assert [*pool.map(ask, range(20))] == [LOGS + number for number in range(20)]
    assert many.health()["questions"] == 0


def test_a_server_that_stood_still_answers_whole_when_it_goes_on(tmp_path: Path) -> None:
    fill_many(tmp_path / "data", 100)
    with answering(tmp_path / "data") as questions:
        wb = workbench.connect(questions.url, token=questions.token, cache=False)
        with ThreadPoolExecutor(1) as pool:
            with stalled(questions.process):
                counting = pool.submit(wb.count)
                assert not counting.done()
            assert counting.result(PATIENCE) == 100


def test_a_server_that_stands_still_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_many(tmp_path / "data", 10)
    with (
        answering(tmp_path / "data") as questions,
        workbench.connect(questions.url, token=questions.token, cache=False) as wb,
    ):
        monkeypatch.setattr("workbench.remote.link._ALIVE_SECONDS", 0.5)
        with stalled(questions.process), pytest.raises(ServerUnreachable, match="does not answer"):
            wb.count()
        monkeypatch.undo()
        assert wb.count() == 10


@pytest.mark.parametrize("is_secure", [False, True], ids=["http", "https"])
def test_a_server_that_stands_still_in_the_middle_of_an_answer_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_secure: bool
) -> None:
    fill_many(tmp_path / "data", 3_000)
    tls: list[str | Path] = ["--tls-cert", LOOPBACK, "--tls-key", LOOPBACK_KEY] if is_secure else []
    certificate = LOOPBACK if is_secure else None
    with (
        ThreadPoolExecutor(1) as pool,
        answering(tmp_path / "data", *tls) as questions,
        workbench.connect(
            questions.url, token=questions.token, certificate=certificate, cache=False
        ) as wb,
    ):
        monkeypatch.setattr("workbench.remote.link._ALIVE_SECONDS", 0.5)
        asked = pool.submit(wb.sql, ENDLESS)
        wait_until(lambda: questions.health()["questions"] == 1, "the question")
        # It works all the while, so that it is waited for.
        with pytest.raises(TimeoutError):
            asked.result(2)
        with stalled(questions.process), pytest.raises(ServerUnreachable, match="does not answer"):
            asked.result(PATIENCE)
        wait_until(lambda: questions.health()["questions"] == 0, "its end")
        monkeypatch.undo()
        assert wb.count() == 3_000


def test_a_server_behind_a_proxy_that_keeps_no_connection_is_watched_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill_many(tmp_path / "data", 3_000)

    def close(head: bytes) -> bytes:
        return head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)

    with (
        ThreadPoolExecutor(1) as pool,
        answering(tmp_path / "data") as questions,
        rewriting_proxy(questions.url, close) as url,
        workbench.connect(url, token=questions.token, cache=False) as wb,
    ):
        monkeypatch.setattr("workbench.remote.link._ALIVE_SECONDS", 0.5)
        asked = pool.submit(wb.sql, ENDLESS)
        wait_until(lambda: questions.health()["questions"] == 1, "the question")
        with stalled(questions.process), pytest.raises(ServerUnreachable, match="does not answer"):
            asked.result(PATIENCE)
        wait_until(lambda: questions.health()["questions"] == 0, "its end")


def test_an_interrupt_ends_a_question_where_the_program_goes_on(many: Questions) -> None:
    code = f"""
import sys, workbench
wb = workbench.connect({many.url!r}, token={many.token!r}, cache=False)
print("asking", flush=True)
try:
    wb.sql({ENDLESS!r})
except KeyboardInterrupt:
    sys.stdin.readline()
print(wb.count())
"""
    asking = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    await_question(asking, many)
    asking.send_signal(2)
    wait_until(lambda: many.health()["questions"] == 0, "its end")
    assert asking.communicate("\n", timeout=PATIENCE) == (f"{LOGS}\n", "")


def await_question(asking: "subprocess.Popen[str]", many: Questions) -> None:
    """Wait until a program that says when it asks is answered: to connect was a question too."""
    assert asking.stdout is not None
    assert asking.stdout.readline() == "asking\n"
    wait_until(lambda: many.health()["questions"] == 1, "the question")


def test_an_interrupt_ends_a_question_at_once(many: Questions) -> None:
    code = f"""
import threading, signal, os, workbench
wb = workbench.connect({many.url!r}, token={many.token!r}, cache=False)
print("asking", flush=True)
wb.sql({ENDLESS!r})
"""
    asking = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    await_question(asking, many)
    asking.send_signal(2)
    _, errors = asking.communicate(timeout=PATIENCE)
    assert "KeyboardInterrupt" in errors
    wait_until(lambda: many.health()["questions"] == 0, "its end")


def test_watching_shows_logs_of_a_server(
    many: Questions, capsys: pytest.CaptureFixture[str]
) -> None:
    with workbench.connect(many.url, token=many.token, cache=False) as wb:
        wb.watch(seconds=1, rows=2)
    shown = capsys.readouterr().out.splitlines()
    assert [each.split()[-1] for each in shown] == [str(LOGS - 2), str(LOGS - 1)]
