"""Load on a server that may die at any moment, and what became of each log that was sent."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import cycle, islice
from random import Random
from typing import Final

import websocket

from tests.support.processes import PATIENCE, ServerProcess
from tests.support.sockets import break_off, log, receive

# So many logs are on their way at once on a connection, at most.
_WINDOW: Final = 64
# Of the logs under load, those that were acked before and are sent again.
_AGAIN: Final = 0.1
# A connection ends by itself after so many logs, if its server does not die.
_LIMIT: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Way:
    """How a producer sends: so many logs a frame at most, and whether an ack is for a frame."""

    frame: int
    ack_batch: bool = False


_WAYS: Final = (Way(1), Way(1), Way(16), Way(16, ack_batch=True))

_TYPES: Final = ("info", "error", "database")

_GONE: Final = (websocket.WebSocketConnectionClosedException, ConnectionError)


def message_of(log_id: str) -> str:
    """Return the message of the log with this id, so that one can tell it was stored whole."""
    return f"this is {log_id}"


def members_of(log_id: str) -> dict[str, object]:
    """Return what the log with this id has besides: a type, and often how long something took."""
    number = int(log_id.rpartition("-")[2])
    log_type = _TYPES[number % len(_TYPES)]
    return {"type": log_type} | ({"duration_ms": number % 977 / 8} if number % 3 else {})


class Sender:
    """One producer: the ids that it gave, and the seq of each that was acked.

    Attributes:
        acked: the seq of the first ack that was read, by id; None where it was for a frame.
        answers: how many logs were acked, each time counted.
        duplicates: how many of them were there already.
    """

    def __init__(self, name: str, way: Way, random: Random, token: str | None) -> None:
        self.acked: dict[str, int | None] = {}
        self.answers = 0
        self.duplicates = 0
        self._name = name
        self._way = way
        self._random = random
        self._token = token
        self._made = 0
        self._acked_ids: list[str] = []

    @property
    def sent(self) -> list[str]:
        """All ids that were given, first to last."""
        return [self._id(number) for number in range(self._made)]

    def send_until_gone(self, server: ServerProcess) -> None:
        """Send what was not acked, then new logs and some again, until the server has gone."""
        try:
            self._send(server, islice(self._endless(), _LIMIT), self._way)
        except _GONE:
            return
        raise AssertionError(f"the server did not go while {_LIMIT} logs were sent")

    def send_all_again(self, server: ServerProcess) -> None:
        """Send every log once more; each must be acked, with its seq."""
        self._send(server, iter(self.sent), Way(self._way.frame))

    def _id(self, number: int) -> str:
        return f"{self._name}-{number:06}"

    def _endless(self) -> Iterator[str]:
        yield from [each for each in self.sent if each not in self.acked]
        while True:
            if self._acked_ids and self._random.random() < _AGAIN:
                yield self._random.choice(self._acked_ids)
            else:
                self._made += 1
                yield self._id(self._made - 1)

    def _send(self, server: ServerProcess, ids: Iterator[str], way: Way) -> None:
        socket = websocket.create_connection(
            server.ingest + ("?ack=batch" if way.ack_batch else ""),
            header={"Authorization": f"Bearer {self._token or server.token}"},
            timeout=PATIENCE,
        )
        try:
            assert receive(socket)["type"] == "connection"
            while window := list(islice(ids, self._random.randint(1, _WINDOW))):
                frames = list(self._frames(window, way.frame))
                for frame in frames:
                    logs = [
                        log(id=log_id, message=message_of(log_id), **members_of(log_id))
                        for log_id in frame
                    ]
                    socket.send("\n".join(logs))
                for frame in frames:
                    if way.ack_batch:
                        self._note_batch(frame, receive(socket))
                    else:
                        for log_id in frame:
                            self._note(log_id, receive(socket))
        finally:
            break_off(socket)

    def _frames(self, window: list[str], longest: int) -> Iterator[list[str]]:
        rest = iter(window)
        while frame := list(islice(rest, self._random.randint(1, longest))):
            yield frame

    def _note(self, log_id: str, answer: dict[str, object]) -> None:
        assert (answer["type"], answer.get("logId")) == ("ack", log_id), answer
        seq, duplicate = answer["seq"], answer.get("duplicate", False)
        assert isinstance(seq, int)
        if log_id in self.acked:
            first = self.acked[log_id]
            assert (seq, duplicate) == (first or seq, True), (
                f"{log_id} was acked as {first}, and then {answer}"
            )
        self._note_seq(log_id, seq)
        self.answers += 1
        self.duplicates += bool(duplicate)

    def _note_batch(self, frame: list[str], answer: dict[str, object]) -> None:
        assert (answer["type"], answer["count"], answer["errors"]) == ("ack", len(frame), []), (
            answer
        )
        duplicates, last = answer["duplicates"], answer["lastSeq"]
        assert isinstance(duplicates, int)
        assert isinstance(last, int)
        new = {log_id for log_id in frame if log_id not in self.acked}
        assert duplicates >= len(frame) - len(new), f"of {frame} only {new} was not acked: {answer}"
        for log_id in frame:
            self._note_seq(log_id, None)
        if not duplicates:
            self._note_seq(frame[-1], last)
        self.answers += len(frame)
        self.duplicates += duplicates

    def _note_seq(self, log_id: str, seq: int | None) -> None:
        if log_id not in self.acked:
            self._acked_ids.append(log_id)
        if self.acked.get(log_id) is None:
            self.acked[log_id] = seq


class Load:
    """Several producers at once, each with ids of its own, through the lives of a server.

    Args:
        seed: decides what is sent.
        tokens: that they come with in turn; all with that of the server where there are none.
    """

    def __init__(self, seed: int, tokens: Sequence[str] = ()) -> None:
        turns = islice(cycle(tokens or [None]), len(_WAYS))
        self._senders = [
            Sender(f"producer-{number}", way, Random(f"{seed} {number}"), token)
            for number, (way, token) in enumerate(zip(_WAYS, turns, strict=True))
        ]

    @property
    def acked(self) -> dict[str, int | None]:
        """The seq of the first ack of each id that was acked; None where it was for a frame."""
        # Of a copy: producers go on meanwhile.
        return {log_id: seq for each in self._senders for log_id, seq in each.acked.copy().items()}

    @property
    def sent(self) -> set[str]:
        """All ids that were given, acked or not."""
        return {log_id for each in self._senders for log_id in each.sent}

    @property
    def answers(self) -> int:
        """How many logs were acked, each time counted."""
        return sum(each.answers for each in self._senders)

    @property
    def duplicates(self) -> int:
        """How many of them were there already."""
        return sum(each.duplicates for each in self._senders)

    def run_until_gone(self, server: ServerProcess, end: Callable[[], object]) -> None:
        """Load a server until it has gone, which `end` brings about or waits for.

        A wrong answer ends the server at once, and then raises what was wrong with it.
        """

        def end_with_it(run: Future[None]) -> None:
            if run.exception() is not None:
                server.process.kill()

        with ThreadPoolExecutor(len(self._senders)) as pool:
            runs = [pool.submit(each.send_until_gone, server) for each in self._senders]
            for run in runs:
                run.add_done_callback(end_with_it)
            try:
                end()
            finally:
                server.process.kill()
            for run in runs:
                run.result()

    def send_all_again(self, server: ServerProcess) -> None:
        """Send every log once more, acked before or not; each must be acked."""
        with ThreadPoolExecutor(len(self._senders)) as pool:
            for run in [pool.submit(each.send_all_again, server) for each in self._senders]:
                run.result()
