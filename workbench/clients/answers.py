"""What a server answers to frames of logs, with `?ack=batch`."""

from collections.abc import Sequence
from typing import Final

import msgspec


class Fault(msgspec.Struct, frozen=True):
    """A rejected log: its place in the frame, from 0, and why."""

    index: int
    message: str


class Run(msgspec.Struct, frozen=True, array_like=True):
    """Consecutive logs of a frame with ascending seqs: all new, or all duplicates."""

    seq: int
    count: int
    is_duplicate: bool


class Answer(msgspec.Struct, frozen=True):
    """Answer to a frame.

    Attributes:
        count: number of logs that are stored, duplicates among them.
        duplicates: number of logs that were stored before.
        errors: the rejected logs.
        seqs: the others in order, if they were asked for.
    """

    count: int
    duplicates: int
    errors: Sequence[Fault]
    seqs: Sequence[Run] = ()


class Lost(Exception):
    """The connection is of no more use; the sentence says why.

    Attributes:
        pause: seconds after which the server wants to be asked again.
    """

    def __init__(self, reason: str, pause: float = 0.0) -> None:
        super().__init__(reason)
        self.pause = pause


class _Message(msgspec.Struct):
    """The parts of a message that tell what it is."""

    type: str
    error: str | None = None
    retryable: bool = False


_decode: Final = msgspec.json.Decoder(_Message).decode
_decode_answer: Final = msgspec.json.Decoder(Answer).decode


def read_answer(text: bytes) -> Answer | None:
    """Return the answer in a message; None if it is another message, as a greeting is.

    Raises:
        Lost: the server cannot store logs now, or says what is no answer.
    """
    try:
        message = _decode(text)
        if message.type not in ("ack", "error"):
            return None
        if message.retryable:
            raise Lost(f"the server cannot store now ({message.error})")
        return _decode_answer(text)
    except msgspec.DecodeError as error:
        raise Lost(f"the server sent an unknown answer: {error}") from error
