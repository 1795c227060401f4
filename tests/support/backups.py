"""What takes a backup in a test."""

from collections.abc import Callable

from waterline.backup.take import Taken

Take = Callable[..., Taken]
"""Takes a backup at noon, or so many milliseconds later; see the fixture `take`."""
