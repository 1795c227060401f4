"""Parts of Waterline that an installation may lack: server, workbench and others are extras."""

from importlib.util import find_spec
from typing import Final, Literal

from waterline.errors import MissingPart

Part = Literal["server", "all", "dask", "iceberg"]
"""An extra of pyproject.toml."""

_SERVER: Final = (
    *("apsw", "cramjam", "duckdb", "numpy", "obstore", "opentelemetry", "prometheus_client"),
    *("pyarrow", "tornado"),
)
_ALL: Final = (
    *_SERVER,
    *("adbc_driver_sqlite", "bokeh", "jinja2", "pandas", "panel", "pytz", "sqlalchemy"),
)
PACKAGES: Final[dict[Part, tuple[str, ...]]] = {
    "server": _SERVER,
    "all": _ALL,
    "dask": (*_ALL, "dask", "distributed"),
    "iceberg": (*_SERVER, "pyiceberg", "sqlalchemy"),
}
"""Extra to the packages that it installs, as they are imported; a test holds both equal."""


def require(part: Part, user: str) -> None:
    """Refuse to go on where packages of a part are not installed; none is imported for that.

    Args:
        part: the extra that installs them.
        user: what needs them, as the sentence names it.

    Raises:
        MissingPart: one is not installed.
    """
    missing = next((name for name in PACKAGES[part] if find_spec(name) is None), None)
    if missing is not None:
        raise MissingPart(
            f"{user} needs packages that are not installed, such as {missing}; install Waterline "
            f"with its extra: pip install 'waterline[{part}]'"
        )
