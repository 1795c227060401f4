"""The facts of the machine that figures depend on."""

import os
import platform

import apsw
import tornado


def machine() -> dict[str, str | int]:
    """Return what a figure should be quoted with."""
    return {
        "cores": os.cpu_count() or 1,
        "processor": platform.machine(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": apsw.sqlite_lib_version(),
        "apsw": apsw.apsw_version(),
        "tornado": tornado.version,
    }
