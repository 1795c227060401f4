"""`waterline lake list`: a line a node: up to which seq, how much, and when it uploaded last."""

from typing import TYPE_CHECKING, Final

import click
import msgspec

from waterline.terminal import say, warn
from waterline.units import human_size
from workbench.cli.lake.shared import open_lake
from workbench.cli.options import needs, settings_options
from workbench.cli.table import Column, Screen, Table
from workbench.display import date_time

if TYPE_CHECKING:
    from waterline.archive.lake.view import LakeView, NodeView

_COLUMNS: Final = (
    Column("NODE"),
    Column("THROUGH SEQ", at_right=True),
    Column("BATCHES", at_right=True),
    Column("LOGS", at_right=True),
    Column("STORED", at_right=True),
    Column("LAST UPLOAD"),
    Column("STATE"),
)


@click.command("list")
@click.option("--json", "is_json", is_flag=True, help="one object a node, a line each")
@settings_options("archive_dest")
@needs("server")
def list_nodes(is_json: bool, archive_dest: str | None) -> None:
    """List the nodes of a lake; exit code 1 where a record or a manifest is lacking."""
    from waterline.archive.lake.view import view_lake

    lake = view_lake(open_lake(archive_dest))
    for line in _objects(lake) if is_json else _lines(lake):
        say(line)
    faults = [*lake.faults, *(each for node in lake.nodes for each in node.faults)]
    for fault in faults:
        warn(f"waterline: {fault}")
    if faults:
        raise SystemExit(1)


def _lines(lake: "LakeView") -> list[str]:
    if not lake.nodes and not lake.faults:
        return [f"{lake.address} has no nodes yet; a node adds itself when it uploads first"]
    return Table(_COLUMNS, Screen.of_output()).lines([*map(_cells, lake.nodes)])


def _cells(node: "NodeView") -> tuple[str, ...]:
    return (
        node.record.node,
        f"{node.record.through:,}",
        f"{len(node.kept):,}",
        f"{sum(each.rows for each in node.kept):,}",
        human_size(sum(each.stored_bytes for each in node.kept)),
        date_time(node.record.updated_at),
        _state(node),
    )


def _state(node: "NodeView") -> str:
    state = "retired" if node.is_retired else "active"
    return f"{state}, LACKS LOGS" if node.faults else state


def _objects(lake: "LakeView") -> list[str]:
    return [
        msgspec.json.encode(
            {
                **msgspec.to_builtins(node.record),
                "batches": len(node.kept),
                "logs": sum(each.rows for each in node.kept),
                "storedBytes": sum(each.stored_bytes for each in node.kept),
                "isRetired": node.is_retired,
                "faults": node.faults,
            }
        ).decode()
        for node in lake.nodes
    ]
