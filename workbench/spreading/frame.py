"""Dask DataFrames whose partitions are made by tasks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic

import dask.config
import dask.dataframe as dd
import pandas as pd

from workbench.spreading.spread import Result, Task


def frame_of(
    tasks: Sequence[Task[Result]], make: Callable[[Result], pd.DataFrame], meta: pd.DataFrame
) -> "dd.DataFrame":
    """Return a Dask DataFrame with a partition for each task.

    Args:
        tasks: the tasks, which workers call.
        make: makes a partition of a result.
        meta: a frame without rows, of the same columns.
    """
    parts = [_Part(task, make) for task in tasks]
    # Dask would give texts another type than pandas does.
    with dask.config.set({"dataframe.convert-string": False}):
        frame: dd.DataFrame = dd.from_map(_made, parts, meta=meta, label="waterline")
    return frame


@dataclass(frozen=True, slots=True)
class _Part(Generic[Result]):
    """What a partition is made of."""

    task: Task[Result]
    make: Callable[[Result], pd.DataFrame]

    def __dask_tokenize__(self) -> str:
        # Dask would take paths for the content of their files.
        return self.task.key()


def _made(part: _Part[Result]) -> pd.DataFrame:
    return part.make(part.task())
