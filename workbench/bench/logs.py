"""The logs that are sent: bodies of the sample, with times that ascend and ids of either kind."""

from collections.abc import Iterator
from functools import cache
from itertools import cycle, islice
from random import Random
from typing import Final

import msgspec

from workbench.samples import day

# The name of the token that they come with.
SOURCE: Final = "bench"
_BODIES: Final = 20_000
_SEED: Final = 7
_FIRST_TIMESTAMP: Final = 1_773_705_600_000
_ID_BITS: Final = 128
# As in a UUIDv7: what counts up comes first, then bits by chance.
_BITS_BY_CHANCE: Final = 80


def made_logs(*, sorted_ids: bool = True) -> Iterator[bytes]:
    """Yield logs as JSON without end, the same ones each time; no two have the same id.

    Args:
        sorted_ids: whether ids sort by time, as those of UUIDv7 do, or are random bits.
    """
    random = Random(_SEED)
    for number, body in enumerate(cycle(_bodies())):
        if sorted_ids:
            log_id = number << _BITS_BY_CHANCE | random.getrandbits(_BITS_BY_CHANCE)
        else:
            log_id = random.getrandbits(_ID_BITS)
        yield b'{"id":"%032x","timestamp":%d,%b' % (log_id, _FIRST_TIMESTAMP + number, body)


def take(logs: Iterator[bytes], count: int) -> list[bytes]:
    """Return the next so many logs."""
    return list(islice(logs, count))


@cache
def _bodies() -> list[bytes]:
    """Return all of a log's JSON that stands behind its id and its time."""
    bodies = []
    for log in day(_BODIES):
        del log["id"], log["timestamp"]
        bodies.append(msgspec.json.encode(log)[1:])
    return bodies
