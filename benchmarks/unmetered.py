"""The server with what measures taken out: what metering costs is told beside it."""

import os
from collections.abc import Iterable, Mapping, Sequence
from unittest.mock import patch

from server.decode import encode
from server.metering import Meter
from server.process import main
from server.writer import Commit
from waterline.metrics.log_stats import LogStats
from waterline.settings.model import variable_name


def _no_stats(
    _types: Sequence[str], _sizes: Iterable[int], _attributes: Mapping[str, Sequence[object]]
) -> LogStats:
    return {}


def _ignore(_meter: Meter, _commit: Commit) -> None:
    return


if __name__ == "__main__":
    with (
        patch.object(encode, "measure_columns", _no_stats),
        patch.object(Meter, "committed", _ignore),
    ):
        os.environ[variable_name("measured_attributes")] = "none"
        main()
