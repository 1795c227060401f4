"""The server with an index of two attributes: what it costs ingest is told beside it."""

import os
from typing import Final

from server.process import main
from waterline.settings.model import variable_name

INDEXED: Final = ("service", "duration_ms")

if __name__ == "__main__":
    os.environ[variable_name("indexed_attributes")] = ",".join(INDEXED)
    main()
