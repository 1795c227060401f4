"""The driver of SQLite, loaded so that Ctrl-C is heeded afterwards."""

import adbc_driver_manager as manager
from adbc_driver_sqlite import dbapi

from waterline.interrupts import heed_again

__all__ = ["dbapi", "manager"]

# ADBC loads Polars where that is installed, which takes SIGINT away from Python: a read of a file
# or a pipe then goes on.
heed_again()
