"""Opening a session: of a data folder, of one behind a server, or of a lake of several."""

import os
from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from waterline.errors import UnprotectedCluster, UsageError
from waterline.parts import require
from workbench.query.asking import Asking
from workbench.query.pin import Pin
from workbench.query.progress import warn_of
from workbench.query.session import Session
from workbench.spreading.here import HERE
from workbench.spreading.spread import Spread

if TYPE_CHECKING:
    from distributed import Client

    from workbench.lake.servers import Addresses, Tokens

    Cluster: TypeAlias = Client | Literal["local"] | int

FOLDER: Final = "data"
"""Data folder where none is named."""

_SCHEMES: Final = ("http://", "https://")


def open_session(
    path: str | os.PathLike[str],
    clock: Callable[[], int],
    *,
    lake: str | None,
    nodes: "Addresses | None",
    token: "Tokens",
    certificate: str | os.PathLike[str] | None,
    at: Pin | str | None,
    cache: bool,
    cache_ttl: str,
    cache_size: str,
    cluster: "Cluster | None",
) -> Asking:
    """Return what questions are asked of; see `workbench.connect` for all arguments.

    Args:
        path: the data folder, or the address of a server.
        clock: returns milliseconds UTC, from which relative times such as `-1h` count.
        lake: the address of a lake, in place of a path.
        nodes: addresses of a lake's nodes.
        token: a token for an address, or for those of a lake one each.
        certificate: certificate of the server at an address.
        at: the moment of questions that name none.
        cache: whether answers are kept.
        cache_ttl: duration for which an answer is kept.
        cache_size: bytes that all answers may take.
        cluster: a Dask cluster.

    Raises:
        UsageError: an argument has no meaning, or does not fit the others.
        WaterlineError: the folder cannot be read, or the server does not answer.
    """
    if lake is not None:
        if path != FOLDER:
            raise UsageError("lake= is in place of a path; give one of them")
        # Whoever reads a folder loads nothing of the network, here and below.
        from workbench.lake.session import LakeSession

        return _spreading(
            cluster,
            lambda spread: LakeSession(
                lake,
                clock,
                nodes=nodes,
                token=token,
                certificate=certificate,
                at=at,
                spread=spread,
            ),
        )
    if nodes is not None:
        raise UsageError("nodes= are those of a lake; give lake=, such as s3://bucket/lake")
    if not isinstance(token, str | None):
        raise UsageError("several tokens are for the nodes of a lake; give one as token=")
    if isinstance(path, str) and path.startswith(_SCHEMES):
        if cluster is not None:
            raise UsageError(
                "cluster= is for a folder or a lake, whose archives its workers read; a server "
                "answers by itself"
            )
        from workbench.remote.session import RemoteSession

        return RemoteSession(
            path,
            clock,
            token=token,
            certificate=certificate,
            at=at,
            cache=cache,
            cache_ttl=cache_ttl,
            cache_size=cache_size,
        )
    if isinstance(path, str) and "://" in path:
        # It is not repeated, as it may hold a password.
        raise UsageError(
            "the address of a server that answers questions begins with https:// or http://, "
            "such as https://logs.example.com:3003; a lake is named by lake="
        )
    if token is not None or certificate is not None:
        raise UsageError(
            "token and certificate are for a server's address, such as "
            "https://logs.example.com:3003; leave them out for a folder"
        )
    return _spreading(
        cluster,
        lambda spread: Session(
            path,
            clock,
            at=at,
            cache=cache,
            cache_ttl=cache_ttl,
            cache_size=cache_size,
            spread=spread,
        ),
    )


def _spreading(cluster: object, opened: Callable[[Spread], Asking]) -> Asking:
    """Return a session that spreads its work over a cluster, if there is one, and closes it."""
    if cluster is None:
        return opened(HERE)
    require("dask", "cluster=")
    # Whoever has no cluster does not load Dask.
    from workbench.spreading.dask import open_cluster

    spread = open_cluster(cluster)
    with ExitStack() as undone:
        undone.callback(spread.close)
        warn_of(spread.unprotected, UnprotectedCluster)
        session = opened(spread)
        undone.pop_all()
    return session
