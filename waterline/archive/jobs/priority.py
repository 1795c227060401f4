"""Priority: a job gives way to the server, whose producers wait for acks."""

import os
from typing import Final

_NICENESS: Final = 19


def give_way() -> None:
    """Run this process only when no other wants to; nobody waits for it.

    Measured beside producers: at 10, the slowest acks came twice as late.
    """
    os.nice(_NICENESS)
