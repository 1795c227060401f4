"""Long work of many tasks in one event loop: how much of it is done in one turn."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from server.turns import Turns


@given(st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=20), min_size=1, max_size=6))
def test_tasks_together_do_little_more_than_limit_in_turn(tasks: list[list[int]]) -> None:
    limit = 10
    done_in_turn = [0]

    async def work(turns: Turns, steps: list[int]) -> None:
        for step in steps:
            done_in_turn[-1] += step
            await turns.spend(step)

    async def run() -> None:
        turns = Turns(limit)
        working = [asyncio.create_task(work(turns, steps)) for steps in tasks]
        while not all(each.done() for each in working):
            await asyncio.sleep(0)
            done_in_turn.append(0)

    asyncio.run(run())
    assert sum(done_in_turn) == sum(map(sum, tasks))
    # Each task may be within a step when the limit is reached, and does no other in that turn.
    assert max(done_in_turn) <= limit + 9 * (1 + len(tasks))


def test_work_below_limit_waits_for_nobody() -> None:
    async def run() -> list[str]:
        turns, order = Turns(10), list[str]()
        asyncio.get_running_loop().call_soon(order.append, "other")
        await turns.spend(9)
        order.append("below")
        await turns.spend(1)
        order.append("above")
        return order

    assert asyncio.run(run()) == ["below", "other", "above"]


def test_waiting_tasks_go_on_in_order_one_a_turn() -> None:
    async def run() -> list[str]:
        turns, order = Turns(1), list[str]()

        async def work(name: str) -> None:
            for _ in range(3):
                await turns.spend(1)
                order.append(name)

        await asyncio.gather(*map(work, "abc"))
        return order

    assert asyncio.run(run()) == list("abcabcabc")
