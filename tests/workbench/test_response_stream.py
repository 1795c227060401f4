"""A stream of a thread into a response passes on as little at a time as a slow reader takes."""

import asyncio
import random

from workbench.response_stream import ResponseStream

MOST = 2**19


def test_many_bytes_are_passed_on_in_pieces() -> None:
    """The time in which a reader has to take something begins anew with each of them."""
    passed_on: list[bytes] = []
    content = random.Random(7).randbytes(10 * MOST + 7)

    async def pass_on(piece: bytes) -> None:
        passed_on.append(piece)

    async def write() -> None:
        stream = ResponseStream(pass_on, asyncio.get_running_loop())

        def written() -> None:
            stream.write(b"head")
            stream.write(content)
            stream.send()
            stream.wait()

        await asyncio.to_thread(written)

    asyncio.run(write())
    assert b"".join(passed_on) == b"head" + content
    assert max(map(len, passed_on)) <= MOST
