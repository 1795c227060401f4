"""The command `waterline` with what measures taken out: what metering costs is told beside it."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from unittest.mock import patch

from server import batches
from server.contents import Contents
from server.metering import Meter
from server.writer import Commit
from workbench.cli import main


def _no_contents(
    _types: Sequence[str], _sizes: Iterable[int], _attributes: Mapping[str, Sequence[object]]
) -> Contents:
    return {}


def _ignore(_meter: Meter, _commit: Commit) -> None:
    return


if __name__ == "__main__":
    with patch.object(batches, "contents", _no_contents), patch.object(Meter, "committed", _ignore):
        main([*sys.argv[1:], "--measured-attributes", "none"])
