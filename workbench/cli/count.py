"""`waterline count`: count logs, hot and archived."""

from contextlib import closing
from typing import TYPE_CHECKING

import click

from waterline.terminal import say
from workbench.cli.asking import QueryCommand, filter_options, noted
from workbench.cli.options import load, needs, settings_options

if TYPE_CHECKING:
    from workbench.query.question import Filters


@click.command(cls=QueryCommand)
@filter_options
@settings_options("data")
@needs("all")
def count(
    filters: "Filters",
    data: str | None,
) -> None:
    """Count the logs that match QUERY, hot and archived; its server may run or not.

    QUERY is text such as type:error status>=500 -path:/health "timed out".
    """
    from workbench.query import answers
    from workbench.query.session import Session

    with (
        noted(),
        closing(Session(load({"data": data}).settings.data, cache=False)) as session,
    ):
        say(str(answers.count(session, filters)))
