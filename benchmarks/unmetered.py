"""The server with what measures taken out: what metering costs is told beside it."""

import os
from collections.abc import Mapping, Sequence
from unittest.mock import patch

from server.decode import encode, lone
from server.metering import Meter
from server.process import main
from server.writer import Commit
from waterline.metrics.log_stats import LogStats
from waterline.settings.model import variable_name


def _no_stats(
    _types: Sequence[str], _sizes: Sequence[int], _attributes: Mapping[str, Sequence[object]]
) -> LogStats:
    return {}


def _no_stats_of_one(
    _type: str, _size: int, _attributes: Mapping[str, object], _names: Sequence[str]
) -> LogStats:
    return {}


def _ignore(_meter: Meter, _commit: Commit) -> None:
    return


if __name__ == "__main__":
    with (
        patch.object(encode, "gather_columns", _no_stats),
        patch.object(lone, "gather_log", _no_stats_of_one),
        patch.object(Meter, "committed", _ignore),
    ):
        os.environ[variable_name("measured_attributes")] = "none"
        main()
