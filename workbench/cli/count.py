"""`waterline count`: count logs, hot and archived."""

from contextlib import closing

import click

from waterline.terminal import say
from workbench.cli.asking import QueryCommand, filter_options, filters_of, noted
from workbench.cli.options import load, needs, settings_options


@click.command(cls=QueryCommand)
@filter_options
@settings_options("data")
@needs("all")
def count(
    query: str | None,
    option_query: str | None,
    types: tuple[str, ...],
    sources: tuple[str, ...],
    since: str | None,
    until: str | None,
    contains: str | None,
    at: str | None,
    data: str | None,
) -> None:
    """Count the logs that match QUERY, hot and archived; its server may run or not.

    QUERY is text such as type:error status>=500 -path:/health "timed out".
    """
    from workbench.query import answers
    from workbench.query.session import Session

    filters = filters_of(query, option_query, types, sources, since, until, contains, at)
    with (
        noted(),
        closing(Session(load({"data": data}).settings.data, cache=False)) as session,
    ):
        say(str(answers.count(session, filters)))
