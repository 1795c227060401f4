"""What the report asks of a workbench."""

from typing import Protocol, Unpack

import pandas as pd

from workbench.query.cache.cache import Cache
from workbench.query.pin import Pin
from workbench.query.question import Filters
from workbench.reports.inventory import Holdings
from workbench.reports.throughput import By


class Asked(Protocol):
    """The part of a `Workbench` from which its report is made; there each has its docstring."""

    cache: Cache | None

    def throughput(  # noqa: D102 - see above, as for the others
        self, every: str = ..., *, by: By | None = ..., **filters: Unpack[Filters]
    ) -> pd.DataFrame: ...

    def latency(  # noqa: D102
        self,
        metric: str | None = ...,
        *,
        by: str | None = ...,
        every: str | None = ...,
        **filters: Unpack[Filters],
    ) -> pd.DataFrame: ...

    def sources(self, quiet_after: str = ...) -> pd.DataFrame: ...  # noqa: D102

    def compression(self) -> pd.DataFrame: ...  # noqa: D102

    def holdings(self) -> Holdings: ...  # noqa: D102

    def pin(self) -> Pin: ...  # noqa: D102
