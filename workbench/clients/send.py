"""Sends log files to a server, for `waterline send`."""

import math
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from tqdm import tqdm

from waterline.errors import DeliveryError, UsageError
from waterline.printable import printable
from workbench.clients.answers import Answer
from workbench.clients.delivery import Delivery
from workbench.clients.log_files.reader import EncodedLine, Reading, read_encoded
from workbench.clients.log_files.selection import STANDARD_INPUT, select
from workbench.clients.outbox import Counts

# Reasons that are kept of rejected lines; the rest are counted.
MAX_REASONS: Final = 5
PROGRESS_SECONDS: Final = 0.2
# Logs without an answer; the bytes of `Delivery` are the limit of larger ones.
WINDOW: Final = 50_000


@dataclass(slots=True)
class SendSummary:
    """Outcome of the lines of all files."""

    counts: Counts
    unfit: int = 0
    """Number of lines that held no log, and were not sent."""
    reasons: list[str] = field(default_factory=list)
    """Reasons of the first rejected lines, with file and line."""
    failures: list[str] = field(default_factory=list)
    """Reasons why a file could not be read, or logs were not acked."""
    skipped: list[tuple[str, str]] = field(default_factory=list)
    """Files within folders that were not read, each with why."""

    interrupted: bool = False
    """Whether Ctrl-C ended it."""

    @property
    def rejected(self) -> int:
        """Number of lines that were no log, here or to the server."""
        return self.unfit + self.counts.rejected

    @property
    def complete(self) -> bool:
        """Whether every line of every file is a log that the server has acked."""
        return not self.failures and not self.rejected and not self.counts.waiting

    def reject(self, place: str, reason: str) -> None:
        """Keep a reason, up to a number of them."""
        if len(self.reasons) < MAX_REASONS:
            self.reasons.append(f"{place}: {reason}")

    def interrupt(self) -> None:
        """Record that Ctrl-C ended it."""
        self.interrupted = True
        self.failures.append(
            f"interrupted: of {self.counts.sent:,} logs sent, {self.counts.acked:,} are acked; "
            "send the same again to go on, what is stored is not stored twice"
        )

    def lines(self) -> list[str]:
        """Return the summary as lines to print."""
        counts = self.counts
        amounts = {
            "sent": counts.sent,
            "stored": counts.stored,
            "duplicates": counts.duplicates,
            "rejected": self.rejected,
        }
        told = [", ".join(f"{what} {amount:,}" for what, amount in amounts.items())]
        told += [f"  {reason}" for reason in self.reasons]
        if self.rejected > len(self.reasons):
            told.append(f"  and {self.rejected - len(self.reasons):,} more")
        if self.skipped:
            named = ", ".join(f"{name} ({reason})" for name, reason in self.skipped[:MAX_REASONS])
            more = len(self.skipped) - MAX_REASONS
            told.append(f"skipped {named}" + (f" and {more:,} more" if more > 0 else ""))
        if counts.waiting:
            told.append(f"not acked {counts.waiting:,}: send the same again, it is stored once")
        return told


def send_files(
    names: Sequence[str],
    *,
    url: str,
    token: str,
    reading: Reading,
    patience: float,
    standard_input: BinaryIO,
) -> SendSummary:
    """Send files, a log a line, and wait for every ack, with a progress bar on standard error.

    Args:
        names: paths of files and folders, or patterns; `-` is standard input.
        url: the server's ingest address.
        token: a token with the scope `ingest`.
        reading: how to read the lines.
        patience: seconds without an answer after which it gives up.
        standard_input: the stream that `-` reads.

    Raises:
        TokenError: the server does not accept the token.
    """
    selection = select(names)
    sender = Sender(url, token, patience)
    sender.summary.skipped = selection.skipped
    sender.summary.failures += selection.failures
    try:
        for name in selection.names:
            try:
                with _opened(name, standard_input) as (stream, size, written):
                    lines = read_encoded(stream, name=name, reading=reading, reference=written)
                    sender.send(name, lines, size)
            except UsageError as error:
                sender.summary.failures.append(str(error))
        sender.delivery.flush()
    except DeliveryError as error:
        sender.summary.failures.append(str(error))
    except KeyboardInterrupt:
        sender.summary.interrupt()
    finally:
        sender.close()
    return sender.summary


class Sender:
    """One delivery for all files; logs are known by file and line."""

    def __init__(self, url: str, token: str, patience: float) -> None:
        self.delivery: Delivery[tuple[str, int]] = Delivery(
            url, token, window=WINDOW, patience=patience, on_answer=self._hear
        )
        self.summary = SendSummary(self.delivery.counts)
        self._begun = time.monotonic()

    def send(self, name: str, lines: Iterator[EncodedLine], size: int | None) -> None:
        """Send the lines of a file, with a progress bar.

        Args:
            name: what to call the file.
            lines: of it.
            size: its bytes, if known.
        """
        with tqdm(
            total=size, desc=printable(Path(name).name), unit="B", unit_scale=True, disable=None,
            mininterval=PROGRESS_SECONDS,
        ) as bar:  # fmt: skip
            due = math.inf if bar.disable else 0.0
            for line in lines:
                self.send_line(name, line)
                if time.monotonic() >= due:
                    bar.set_postfix_str(self._progress(), refresh=False)
                    bar.update(line.end - bar.n)
                    due = time.monotonic() + PROGRESS_SECONDS
            if not bar.disable:
                self.delivery.flush()
                bar.set_postfix_str(self._progress(), refresh=False)
                bar.update((size or bar.n) - bar.n)

    def close(self) -> None:
        """Close the delivery."""
        self.delivery.close()

    def send_line(self, name: str, line: EncodedLine) -> None:
        """Send what a line of a file holds, or keep why it holds nothing."""
        if line.log is None:
            self._reject(name, line.number, line.rejected or "it holds no log")
            return
        try:
            self.delivery.put(line.log, (name, line.number))
        except UsageError as error:
            self._reject(name, line.number, str(error))

    def _reject(self, name: str, number: int, reason: str) -> None:
        self.summary.unfit += 1
        self.summary.reject(f"{name}:{number}", reason)

    def _hear(self, places: Sequence[tuple[str, int]], answer: Answer) -> None:
        for fault in answer.errors:
            name, number = places[fault.index]
            self.summary.reject(f"{name}:{number}", fault.message)

    def _progress(self) -> str:
        acked = self.delivery.counts.acked
        rate = acked / max(time.monotonic() - self._begun, 1e-9)
        return f"acked {acked:,}, {rate:,.0f}/s"


@contextmanager
def _opened(name: str, standard_input: BinaryIO) -> Iterator[tuple[BinaryIO, int | None, datetime]]:
    """Open a file; yield its stream, its size if any, and the time of its last change."""
    if name == STANDARD_INPUT:
        yield standard_input, None, datetime.now(UTC)
        return
    path = Path(name)
    try:
        with path.open("rb") as stream:
            status = path.stat()
            yield stream, status.st_size, datetime.fromtimestamp(status.st_mtime, UTC)
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}") from error
