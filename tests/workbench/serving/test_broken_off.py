"""A question whose client has gone leaves nothing behind."""

import asyncio
import gc
import weakref
from collections.abc import Iterator

import pytest
import tornado.iostream

from workbench.response_stream import ResponseStream


@pytest.fixture
def without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


class Logs:
    """What a thread has in hand while it writes."""


@pytest.mark.usefixtures("without_collector")
def test_what_a_thread_had_in_hand_goes_with_the_question() -> None:
    """A batch is many MB, of which the collector of cycles knows nothing."""
    held: list[weakref.ref[Logs]] = []

    async def pass_on(_: bytes) -> None:
        raise tornado.iostream.StreamClosedError

    async def ask() -> bool:
        sink = ResponseStream(pass_on, asyncio.get_running_loop())

        def write() -> None:
            logs = Logs()
            held.append(weakref.ref(logs))
            sink.write(b"x" * 2**18)
            sink.wait()

        try:
            await asyncio.to_thread(write)
        except BrokenPipeError:
            return True
        return False

    assert asyncio.run(ask())
    assert held[0]() is None
