"""A real server tells a real receiver of each incident: one open, one close, whatever is killed."""

import re
import signal
import subprocess
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import msgspec
import pytest

from tests.support.forking import PATIENCE
from tests.support.processes import ServerProcess, create_token, run_waterline, serving
from tests.support.receiver import Receiver, receiving
from tests.support.sockets import send
from tests.support.waiting import wait_until
from waterline.alerts.state import AlertStates, read_alerts
from waterline.storage.folder import DataFolder

pytestmark = pytest.mark.slow

# What the server logs while a receiver does not take an event.
NOT_TAKEN = r"alert \S+: http://127\.0\.0\.1:\d+ does not take the event"


def write_rules(data: Path, *rules: str) -> None:
    data.mkdir(exist_ok=True)
    (data / "waterline.toml").write_text("".join(f"[[alerts]]\n{each}\n" for each in rules))


def errors_rule(receiver: Receiver) -> str:
    return (
        'name = "errors"\nkind = "count"\nquery = "type:error status:500.."\nabove = 2\n'
        f'over = "10s"\nwebhook = "{receiver.url}"\n'
    )


def error(number: int) -> dict[str, object]:
    return {"type": "error", "message": f"m{number}", "status": 503}


def states_of(data: Path) -> AlertStates:
    return read_alerts(DataFolder(data)) or AlertStates()


def is_evaluated(data: Path) -> bool:
    return states_of(data).evaluated_at > 0


def health_of(server: ServerProcess) -> dict[str, Any]:
    return server.get("/health")[1]


def processes_of(server: ServerProcess) -> list[int]:
    """Return the ids of the processes that evaluate its alerts."""
    children = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children")
    return [child for child in map(int, children.read_text().split()) if is_of_alerts(child)]


def is_of_alerts(process: int) -> bool:
    try:
        return b"server.alerts" in Path(f"/proc/{process}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):  # it has just ended
        return False


def test_incident_is_told_once_though_the_server_is_killed_between(data: Path) -> None:
    with receiving() as receiver:
        write_rules(data, errors_rule(receiver))
        token = create_token(data)
        with serving(data, token=token) as server:
            send(server, *map(error, range(3)))
            (opened,) = receiver.wait_for(1)
            # It is known as taken before the server is killed.
            wait_until(lambda: states_of(data).deliveries == [])
            (firing,) = health_of(server)["alerts"]
            assert firing == {
                "alert": "errors",
                "group": None,
                "since": opened["since"],
                "value": 3.0,
                "threshold": 2.0,
            }
            asked = Request(f"{server.monitoring}/metrics", headers={"Accept": "text/plain"})
            with urlopen(asked, timeout=PATIENCE) as page:
                assert 'waterline_alert_firing{alert="errors"} 1.0' in page.read().decode()
            server.kill()
        with serving(data, token=token) as server:
            closed = receiver.wait_for(2)[1]
            wait_until(lambda: states_of(data).deliveries == [])
            assert health_of(server)["alerts"] == []
            send(server, *map(error, range(3, 6)))
            again = receiver.wait_for(3)[2]
    assert [each["event"] for each in receiver.events] == ["open", "close", "open"]
    assert opened["incident"] == closed["incident"] != again["incident"]
    assert receiver.keys == [each["id"] for each in receiver.events]
    assert opened == {
        "id": f"{opened['incident']}-open",
        "event": "open",
        "incident": opened["incident"],
        "alert": "errors",
        "kind": "count",
        "query": "type:error status:500..",
        "condition": "count above 2 in 10s",
        "by": None,
        "group": None,
        "value": 3.0,
        "threshold": 2.0,
        "since": opened["since"],
        "at": opened["since"],
    }
    assert "secret" not in (data / "alerts.json").read_text()


def test_event_is_sent_until_it_is_taken_with_the_same_id(data: Path) -> None:
    with receiving() as receiver:
        write_rules(data, errors_rule(receiver))
        receiver.status = 503
        token = create_token(data)
        with serving(data, token=token) as server:
            server.expected_errors.append(NOT_TAKEN)
            send(server, *map(error, range(3)))
            receiver.wait_for(2)
            server.kill()
        # The open was not taken, and is not told anew: it goes on.
        with serving(data, token=token) as server:
            server.expected_errors.append(NOT_TAKEN)
            receiver.wait_for(len(receiver.events) + 1)
            wait_until(
                lambda: any(
                    "takes no event: it answered 503" in str(each)
                    for each in health_of(server)["warnings"]
                )
            )
            receiver.status = 200
            wait_until(lambda: receiver.events[-1]["event"] == "close")
            wait_until(lambda: states_of(data).deliveries == [])
    ids = [each["id"] for each in receiver.events]
    assert ids == [ids[0]] * (len(ids) - 1) + [ids[-1]]
    assert ids[-1] == ids[0].replace("-open", "-close")


def test_receiver_that_hangs_keeps_neither_ingest_nor_other_alerts(data: Path) -> None:
    with receiving() as stuck, receiving() as receiver:
        stuck.hanging.clear()
        write_rules(
            data,
            errors_rule(stuck).replace('"errors"', '"stuck"'),
            errors_rule(receiver),
        )
        with serving(data) as server:
            server.expected_errors.append(NOT_TAKEN)
            send(server, *map(error, range(3)))
            stuck.wait_for(1)
            receiver.wait_for(2)
            assert [each["event"] for each in receiver.events] == ["open", "close"]
            assert len(stuck.events) <= 2
            send(server, *map(error, range(3, 5)))
            stuck.hanging.set()
            wait_until(lambda: [e for e in stuck.events if e["event"] == "close"] != [])


def test_process_of_alerts_ends_with_its_server_and_is_started_again(data: Path) -> None:
    with receiving() as receiver:
        write_rules(data, errors_rule(receiver))
        with serving(data) as server:
            server.expected_errors.append("alerts are not evaluated")
            wait_until(lambda: is_evaluated(data))
            (first,) = processes_of(server)
            subprocess.run(["kill", "-9", str(first)], check=True)
            wait_until(lambda: bool(set(processes_of(server)) - {first}))
            send(server, *map(error, range(3)))
            receiver.wait_for(1)
            (second,) = processes_of(server)
            server.process.send_signal(signal.SIGKILL)
            server.process.communicate(timeout=PATIENCE)
            wait_until(lambda: not Path(f"/proc/{second}").exists())


def test_command_shows_rules_and_states(data: Path) -> None:
    with receiving() as receiver:
        write_rules(
            data,
            errors_rule(receiver),
            'name = "by type"\nkind = "rate"\nabove = 1e6\nover = "10s"\nby = "type"\n',
        )
        before = run_waterline("alerts", "--data", data).stdout.splitlines()
        assert re.match(r"errors +unknown +count above 2 in 10s", before[1])
        with serving(data) as server:
            send(server, *map(error, range(3)))
            receiver.wait_for(1)
            wait_until(lambda: len(states_of(data).states) == 2)
            shown = run_waterline("alerts", "--data", data).stdout
    lines = shown.splitlines()
    assert re.match(r"errors +firing +3  \d{4}-\d\d-\d\d .*http://127\.0\.0\.1:\d+$", lines[1])
    assert re.match(r"by type +error +ok +0\.3 ", lines[2])
    assert lines[3].startswith("evaluated at 20")
    assert "secret" not in shown
    file = run_waterline("alerts", "--prometheus", "--data", data)
    assert "sum by (type) (rate(waterline_logs_stored_total[10s])) > 1e+06" in file.stdout
    assert "note: the alert errors is not in it: metrics tell types alone" in file.stderr


def test_server_does_not_start_with_a_bad_rule(data: Path) -> None:
    write_rules(data, 'name = "a"\nkind = "count"\nquery = "status:>5"\nabove = 1\n')
    done = run_waterline("serve", "--data", data, "--port", "0", "--monitoring-port", "0")
    assert done.returncode == 1
    assert re.search(
        r"alert 'a' in .*waterline\.toml, query: .*position 7: ':>' is no", done.stderr
    )
    assert len(done.stderr.splitlines()) == 1


def test_states_are_removed_where_there_are_no_rules(data: Path) -> None:
    DataFolder(data).create()
    (data / "alerts.json").write_bytes(msgspec.json.encode(AlertStates(evaluated_at=5)))
    with serving(data) as server:
        wait_until(lambda: not (data / "alerts.json").exists())
        assert health_of(server)["alerts"] == []
        assert processes_of(server) == []


def test_damaged_states_begin_anew(data: Path) -> None:
    with receiving() as receiver:
        write_rules(data, errors_rule(receiver))
        (data / "alerts.json").write_text("{")
        with serving(data) as server:
            server.expected_errors.append("alerts begin anew: .*alerts.json is damaged")
            wait_until(lambda: (data / "alerts.json").read_text() != "{")
            assert is_evaluated(data)
