"""Keeper of the process that evaluates alerts, which costs ingest next to nothing there."""

import asyncio
import contextlib
import logging
import os
from collections.abc import Sequence
from typing import Final

import msgspec

from waterline.alerts.rules import AlertRule
from waterline.alerts.state import AlertState, AlertStates, alerts_file, read_alerts, remove_alerts
from waterline.clock import now_ms
from waterline.errors import DataFolderError
from waterline.process_log import LogLine
from waterline.processes import python_command
from waterline.settings.model import Settings, environment_of
from waterline.storage.folder import DataFolder

logger = logging.getLogger(__name__)

FIRST_PAUSE: Final = 1.0
LAST_PAUSE: Final = 60.0
"""Seconds before it is started again, doubled from the first to the last."""
BEHIND: Final = 60_000
"""Milliseconds from which on the evaluation counts as behind."""
# What it knows is written down, so that nothing is lost where it is killed.
_STOP_SECONDS: Final = 1.0
_MOST_REASON: Final = 1000


class AlertsProcess:
    """Runs the process that evaluates alerts, and reads what it writes.

    Args:
        rules: the rules; without any there is no process.
        settings: the settings.
    """

    def __init__(self, rules: Sequence[AlertRule], settings: Settings) -> None:
        self._rules = rules
        self._settings = settings
        self._folder = DataFolder(settings.data)
        self._failure: str | None = None
        self._began = now_ms()
        self._read: tuple[int, AlertStates] | None = None
        """Modification time and content of the file."""
        self._changed = asyncio.Event()

    def use(self, rules: Sequence[AlertRule]) -> None:
        """Go on by other rules; what those of the same name knew stays."""
        if [*rules] != [*self._rules]:
            self._rules = rules
            self._changed.set()

    async def run(self) -> None:
        """Keep the process running until cancelled."""
        while True:
            self._changed.clear()
            keeping = asyncio.create_task(self._keep_running())
            try:
                await self._changed.wait()
            finally:
                keeping.cancel()
                await asyncio.wait([keeping])

    async def _keep_running(self) -> None:
        """Keep the process of the present rules running until cancelled."""
        if not self._rules:
            remove_alerts(self._folder)
            return
        pause = FIRST_PAUSE
        while True:
            began = now_ms()
            await self._run_once()
            # One that ran for long begins with a short pause.
            pause = FIRST_PAUSE if now_ms() - began > BEHIND else min(LAST_PAUSE, 2 * pause)
            await asyncio.sleep(pause)

    async def _run_once(self) -> None:
        try:
            process = await asyncio.create_subprocess_exec(
                *python_command("server.alerts"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                env=os.environ | environment_of(self._settings),
                # Ctrl-C is for the server, which ends it.
                start_new_session=True,
            )
        except OSError as error:
            self._fail(f"their process cannot be started: {error.strerror}")
            return
        assert process.stdin is not None
        assert process.stderr is not None
        try:
            with contextlib.suppress(ConnectionError):
                process.stdin.write(msgspec.json.encode(self._rules) + b"\n")
                await process.stdin.drain()
            last = ""
            async for line in process.stderr:
                last = _relay(line) or last
            code = await process.wait()
            self._fail(last or f"their process ended with code {code}")
        finally:
            if process.returncode is None:
                process.terminate()
                try:
                    await asyncio.wait_for(process.wait(), _STOP_SECONDS)
                except TimeoutError:
                    process.kill()
                    await process.wait()

    def _fail(self, reason: str) -> None:
        if reason != self._failure:
            logger.error("alerts are not evaluated, and that is tried again: %s", reason)
        self._failure = reason

    def firing(self) -> list[AlertState]:
        """Return the states that fire; any thread may call it."""
        states = self._states()
        return [] if states is None else states.firing()

    def health(self) -> list[dict[str, object]]:
        """Return what /health says of the alerts that fire."""
        return [
            {
                "alert": each.alert,
                "group": each.group,
                "since": each.since,
                "value": each.value,
                "threshold": each.threshold,
            }
            for each in self.firing()
        ]

    def levels(self) -> dict[str, int]:
        """Return 1 for each rule that fires, else 0."""
        firing = {each.alert for each in self.firing()}
        return {each.name: int(each.name in firing) for each in self._rules}

    def warnings(self) -> list[str]:
        """Return a sentence if alerts are not evaluated, or late, or not told."""
        if not self._rules:
            return []
        states = self._states()
        evaluated_at = 0 if states is None else states.evaluated_at
        behind = now_ms() - max(evaluated_at, self._began)
        found = []
        if behind > BEHIND:
            reason = "" if self._failure is None else f": {self._failure}"
            found.append(f"alerts were evaluated {behind // 1000} s ago at last{reason}")
        if states is not None and states.missed_through:
            found.append(
                f"logs up to seq {states.missed_through} were archived before alerts looked at "
                "them; raise archive_after"
            )
        found += [
            f"the webhook of alert {each.event.alert} takes no event: {each.failure}"
            for each in ([] if states is None else states.deliveries)
            if each.failure is not None
        ]
        return [*dict.fromkeys(found)]

    def _states(self) -> AlertStates | None:
        try:
            changed = alerts_file(self._folder).stat().st_mtime_ns
            if self._read is None or self._read[0] != changed:
                states = read_alerts(self._folder)
                self._read = None if states is None else (changed, states)
        except (OSError, DataFolderError):
            # It is written anew.
            return None
        return None if self._read is None else self._read[1]


def _relay(line: bytes) -> str:
    """Put a line of the process into the server's log; return its message.

    What is no line of its log is of Python itself, such as of a library that is missing.
    """
    try:
        said = msgspec.json.decode(line, type=LogLine)
    except msgspec.DecodeError:
        text = line.decode(errors="replace").strip()[:_MOST_REASON]
        if text:
            logger.warning("%s", text)
        return text
    level = logging.getLevelNamesMapping().get(said.level.upper(), logging.WARNING)
    message = f"{said.message}\n{said.traceback}" if said.traceback else said.message
    logging.getLogger(said.logger).log(level, "%s", message)
    return said.message[:_MOST_REASON]
