"""How many examples a property test tries, where each of them costs more than some milliseconds."""

from hypothesis import settings

_ALL = 400
"""Examples of the profile `thorough`, in which a costly test tries all of its own."""


def costly(most: int) -> settings:
    """Let a property test try so many examples in a thorough run, and its part of them in others.

    Every run draws others, so what one leaves out the next ones try.
    """
    return settings(max_examples=max(1, most * settings().max_examples // _ALL))
