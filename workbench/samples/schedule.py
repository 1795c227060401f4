"""The schedule: which service writes how much in each minute, and what ails it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import accumulate

from workbench.samples.batch_jobs import INVOICE_RUN, LEAK_REPORT, METER_IMPORT
from workbench.samples.customer_side import BILLING_API, CUSTOMER_API
from workbench.samples.lines import Service
from workbench.samples.rhythm import CUSTOMERS, MINUTES, portioned
from workbench.samples.story import Trouble, trouble
from workbench.samples.waterworks import PUMP_CONTROLLER, TELEMETRY_GATEWAY, VALVE_CONTROLLER

SERVICES: Sequence[Service] = (
    TELEMETRY_GATEWAY,
    PUMP_CONTROLLER,
    VALVE_CONTROLLER,
    CUSTOMER_API,
    BILLING_API,
    METER_IMPORT,
    INVOICE_RUN,
    LEAK_REPORT,
)


@dataclass(frozen=True, slots=True)
class Minute:
    """One minute of the day.

    Attributes:
        cumulative: The weights of the services, in the order of `SERVICES`, summed up so far.
        troubles: What ails each service, in the same order.
        demand: The demand for water, from 0 to 1.
    """

    cumulative: tuple[int, ...]
    troubles: tuple[Trouble, ...]
    demand: float

    @property
    def weight(self) -> int:
        """How many logs come in this minute, against the other minutes."""
        return self.cumulative[-1]


@cache
def minutes() -> tuple[Minute, ...]:
    """The minutes of the day, the same for every date."""
    portions = [portioned(service.rhythm, service.share) for service in SERVICES]
    return tuple(
        _minute(number, [portion[number] for portion in portions]) for number in range(MINUTES)
    )


def _minute(number: int, portions: Sequence[int]) -> Minute:
    troubles = tuple(trouble(service.name, number) for service in SERVICES)
    weights = (
        int(portion * ailing.surge) for portion, ailing in zip(portions, troubles, strict=True)
    )
    return Minute(tuple(accumulate(weights)), troubles, CUSTOMERS[number] / max(CUSTOMERS))
