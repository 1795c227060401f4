"""The columns and attributes of logs that a query looks at."""

from waterline.query_text.parse import TextQuery


def looked_at(query: TextQuery) -> set[str]:
    """Return the columns that the filters of a query look at, but for times."""
    by = {
        "type": query.types is not None or bool(query.without_types),
        "source": query.sources is not None or bool(query.without_sources),
        "message": bool(query.contains or query.lacks),
        "attributes": bool(query.where),
    }
    inner = [looked_at(each) for group in query.any_of for each in group]
    return {name for name, is_looked_at in by.items() if is_looked_at}.union(
        (each.column for each in query.patterns), *inner
    )


def attributes_in(query: TextQuery) -> list[str]:
    """Return the names or paths of the attributes that the filters of a query look at."""
    inner = [name for group in query.any_of for each in group for name in attributes_in(each)]
    return [*dict.fromkeys([*(each.attribute for each in query.where), *inner])]
