"""The sample data set: a day of a water utility's web platform, for the demo, notebooks and tests.

`day()` gives the whole day, the same logs for the same arguments, wherever it runs; `build()` puts
it into a data folder; `live()` plays it as endless traffic; `INCIDENT` holds the facts of what goes
wrong in it. `story` tells them.
"""

from workbench.samples.folder import build
from workbench.samples.live_traffic import live
from workbench.samples.story import INCIDENT, Incident, Spread
from workbench.samples.whole_day import day

__all__ = ["INCIDENT", "Incident", "Spread", "build", "day", "live"]
