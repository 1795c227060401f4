"""The gate: when it holds producers back, and when it lets them go on."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from server.backpressure import Gate


def test_gate_closes_above_its_mark_and_opens_at_half_of_it() -> None:
    gate = Gate(4_000)
    states = []
    for _ in range(5):
        gate.enter(1_000)
        states.append(gate.is_open)
    assert gate.waiting == 5_000
    for _ in range(5):
        gate.leave(1_000)
        states.append(gate.is_open)
    assert states == [True, True, True, True, False, False, False, True, True, True]
    assert gate.waiting == 0


def test_waiting_producer_goes_on_once_gate_opens() -> None:
    async def wait() -> list[str]:
        gate, told = Gate(100), list[str]()
        gate.enter(101)

        async def hold(name: str) -> None:
            await gate.wait()
            told.append(name)

        held = [asyncio.create_task(hold("one")), asyncio.create_task(hold("two"))]
        gate.leave(50)  # 51 wait: one more than half
        await asyncio.sleep(0)
        assert told == []
        gate.leave(1)
        await asyncio.gather(*held)
        return told

    assert asyncio.run(wait()) == ["one", "two"]


def test_open_gate_lets_everyone_through_at_once() -> None:
    asyncio.run(asyncio.wait_for(Gate(0).wait(), 10))


@given(st.integers(0, 50), st.lists(st.tuples(st.integers(1, 40), st.booleans())))
def test_gate_without_waiting_bytes_is_open(high: int, steps: list[tuple[int, bool]]) -> None:
    gate, waiting, is_open = Gate(high), list[int](), True
    for size, goes in steps:
        if waiting and goes:
            gate.leave(waiting.pop(0))
            is_open = is_open or sum(waiting) <= high // 2
        else:
            waiting.append(size)
            gate.enter(size)
            is_open = is_open and sum(waiting) <= high
        assert (gate.waiting, gate.is_open) == (sum(waiting), is_open)
    for size in waiting:
        gate.leave(size)
    assert (gate.waiting, gate.is_open) == (0, True)
