"""Replies to producers: acks and errors, one a log or one a frame, in the order of the logs."""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from itertools import repeat
from typing import Final

import msgspec

from server.decode.decoded_logs import DecodedLogs, FrameOutcome
from server.submissions import Submission
from server.websocket.frames import TEXT, TEXT_HEADS, frame_head
from waterline.records import InvalidLog

_encoder: Final = msgspec.json.Encoder()
_encode: Final = _encoder.encode


# Rejected logs of a message that are told one by one; the rest are counted.
MOST_NAMED: Final = 1000


class AckMode(StrEnum):
    """Acks that a producer asks for."""

    EACH = "each"
    BATCH = "batch"
    NONE = "none"


def replies(
    submission: Submission, mode: AckMode, committed_at: int, *, with_seqs: bool = False
) -> bytes:
    """Return the WebSocket frames with the replies to a submission.

    Args:
        submission: stored or refused.
        mode: one reply a log, one a frame, or errors only.
        committed_at: milliseconds UTC.
        with_seqs: whether the reply to a frame has the seq of each log.
    """
    decoded, stored = submission.decoded, submission.stored
    if mode is AckMode.EACH and stored is not None and stored.known is None and _is_sound(decoded):
        return _acks(decoded.ids, stored.seqs, committed_at)
    if mode is AckMode.BATCH:
        found = batch_replies(submission, committed_at, with_seqs=with_seqs)
        bodies = [_encode(reply) for reply in found]
    else:
        bodies = list(_replies_by_log(submission, mode, committed_at))
    return b"".join([part for body in bodies for part in (frame_head(TEXT, len(body)), body)])


def batch_replies(
    submission: Submission, committed_at: int, *, with_seqs: bool = False
) -> Iterator[dict[str, object]]:
    """Yield the batch ack of each frame, or the error if its logs were refused.

    Args:
        submission: stored or refused.
        committed_at: milliseconds UTC.
        with_seqs: whether an ack has the seq of each log, as runs `[seq, count, duplicate]`.
    """
    stored, begin = submission.stored, 0
    for frame in _frames(submission):
        end = begin + frame.valid
        errors = [_error(index, error) for index, error in frame.rejected]
        if frame.valid and submission.refusal is not None:
            yield _refusal(submission, None) | {"errors": errors}
        else:
            seqs = stored.seqs[begin:end] if stored else ()
            known = stored.known[begin:end] if stored and stored.known else ()
            ack = {
                "type": "ack",
                "count": frame.valid,
                "duplicates": sum(known),
                "lastSeq": max(seqs, default=None),
                "timestamp": committed_at,
                "errors": errors,
            }
            yield ack | {"seqs": _runs(seqs, known)} if with_seqs else ack
        begin = end


def _runs(seqs: Sequence[int], known: Sequence[bool]) -> list[tuple[int, int, bool]]:
    """Return seqs as runs of ascending ones that are all new or all duplicates."""
    if not known:
        return [(seqs[0], len(seqs), False)] if seqs else []
    runs: list[tuple[int, int, bool]] = []
    first, count, was_known = seqs[0], 0, known[0]
    for seq, is_known in zip(seqs, known, strict=True):
        if seq != first + count or is_known is not was_known:
            runs.append((first, count, was_known))
            first, count, was_known = seq, 0, is_known
        count += 1
    return [*runs, (first, count, was_known)]


def _is_sound(decoded: DecodedLogs) -> bool:
    if decoded.outcomes is None:
        return True
    return not decoded.part.more and not any(frame.rejected for frame in decoded.outcomes)


def _acks(ids: Sequence[str], seqs: Sequence[int], committed_at: int) -> bytes:
    """Return the acks of logs that are all new, the usual case and hot path.

    An id has at most 128 characters of at most six bytes, so TEXT_HEADS suffices.
    """
    end = b',"timestamp":%d}' % committed_at
    parts: list[bytes] = []
    # The split has one more, empty line at the end; the shorter seqs end the loop.
    for seq, log_id in zip(seqs, _encoder.encode_lines(ids).split(b"\n"), strict=False):
        body = b'{"type":"ack","logId":%b,"seq":%d%b' % (log_id, seq, end)
        parts += (TEXT_HEADS[len(body)], body)
    return b"".join(parts)


def _replies_by_log(submission: Submission, mode: AckMode, committed_at: int) -> Iterator[bytes]:
    valid = _answers(submission, mode, committed_at)
    for frame in _frames(submission):
        rejected = dict(frame.rejected)
        first = submission.decoded.part.first
        for index in range(first, first + frame.valid + len(rejected)):
            if index in rejected:
                yield _encode({"type": "error"} | _error(index, rejected[index]))
            elif answer := next(valid):
                yield _encode(answer if "seq" in answer else answer | {"index": index})
    if more := submission.decoded.part.more:
        yield _encode({"type": "error"} | _unnamed_error(more))


def _answers(
    submission: Submission, mode: AckMode, committed_at: int
) -> Iterator[dict[str, object]]:
    """Yield the reply to each valid log; an empty one if the producer wants none."""
    ids, stored = submission.decoded.ids, submission.stored
    if stored is None:
        for at, log_id in enumerate(ids):
            yield _refusal(submission, None if at in submission.decoded.made else log_id)
        return
    for log_id, seq, known in zip(ids, stored.seqs, stored.known or repeat(False), strict=False):
        ack = {"type": "ack", "logId": log_id, "seq": seq, "timestamp": committed_at}
        said = ack | {"duplicate": True} if known else ack
        yield {} if mode is AckMode.NONE else said


def _frames(submission: Submission) -> Sequence[FrameOutcome]:
    decoded = submission.decoded
    return (
        [FrameOutcome(1, ())] * len(decoded.ids) if decoded.outcomes is None else decoded.outcomes
    )


def _unnamed_error(count: int) -> dict[str, object]:
    """Return the error that counts the rejected logs that are not told one by one."""
    return {
        "error": "invalid_log",
        "message": f"{count} more of this message are no logs; the first {MOST_NAMED} are named",
        "logId": None,
        "index": None,
        "count": count,
    }


def _error(index: int, error: InvalidLog) -> dict[str, object]:
    return {
        "error": "invalid_log",
        "message": error.reason,
        "logId": error.log_id,
        "index": index,
    }


def _refusal(submission: Submission, log_id: str | None) -> dict[str, object]:
    return {
        "type": "error",
        "error": submission.refusal,
        "message": "the log was not stored; send it again later",
        "logId": log_id,
        "retryable": True,
    }
