"""A watchdog of a question under way: a server that stands still in the middle is noticed."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def watched(lives: Callable[[], bool], end: Callable[[], None], *, pause: float) -> Iterator[None]:
    """End what waits in the block for a server that does not say any more that it works.

    Another thread asks again and again.

    Args:
        lives: asks the server, and returns whether it works.
        end: has what waits in the block raise an error.
        pause: seconds between two times.

    Raises:
        TimeoutError: the block raised an error after the end.
    """
    is_over, has_ended = threading.Event(), threading.Event()

    def watch() -> None:
        while not is_over.wait(pause):
            if not lives():
                if not is_over.is_set():
                    has_ended.set()
                    end()
                return

    # It may be in the middle of a question when all is over, for which nobody waits.
    threading.Thread(target=watch, name="watchdog", daemon=True).start()
    try:
        yield
    except Exception as error:
        if has_ended.is_set():
            raise TimeoutError("the server stands still") from error
        raise
    finally:
        is_over.set()
