"""The attributes that a SELECT over logs extracts, where it reads nothing else of them."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import duckdb

_EXTRACTS: Final = frozenset({"->>", "json_extract", "json_extract_string"})
# What may stand for a column without naming it.
_NAMELESS: Final = frozenset({"STAR", "POSITIONAL_REFERENCE"})
# A path that begins with the name of a member, or a name alone.
_NAME: Final = r"([A-Za-z_]\w*)"
_PATH: Final = re.compile(rf'\$\.(?:"([^"\\*]+)"|{_NAME})(?=[.\[]|\Z)|{_NAME}\Z', re.ASCII)


class _Other(Exception):
    """The statement may read other attributes."""


def used_attributes(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[str, ...] | None:
    """Return the names of the attributes that a statement extracts; None if it may read others.

    Args:
        connection: parses the statement, and runs nothing of it.
        query: one SELECT. Only one that reads `logs` alone, and has no other within, is looked at.
    """
    (told,) = connection.execute("SELECT json_serialize_sql(?)", [query]).fetchall()
    try:
        return tuple(dict.fromkeys(_names(json.loads(told[0])))) or None
    except _Other:
        return None


def _names(tree: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of members.

    Raises:
        _Other: the statement may read others.
    """
    nodes = [*_nodes(tree)]
    selects = [each for each in nodes if each.get("type") == "SELECT_NODE"]
    if len(selects) != 1:
        raise _Other
    table = selects[0]["from_table"]
    if table["type"] != "BASE_TABLE" or table["column_name_alias"]:
        raise _Other
    extracted = []
    for node in nodes:
        column, path = _extracted(node)
        if column is not None:
            extracted.append(column)
            yield _member(path)
    whole = {table["table_name"].lower(), table["alias"].lower()}
    for node in nodes:
        if node.get("class") in _NAMELESS:
            raise _Other
        if node.get("class") == "COLUMN_REF" and not any(node is each for each in extracted):
            names = [each.lower() for each in node["column_names"]]
            # The name of a table is all of its columns.
            if "attributes" in names or (len(names) == 1 and names[0] in whole):
                raise _Other


def _nodes(tree: object) -> Iterator[Mapping[str, Any]]:
    if isinstance(tree, list):
        for each in tree:
            yield from _nodes(each)
    elif isinstance(tree, dict):
        yield tree
        for each in tree.values():
            yield from _nodes(each)


def _extracted(node: Mapping[str, Any]) -> tuple[Mapping[str, Any] | None, Mapping[str, Any]]:
    """Return the reference to `attributes` that a node extracts from, or None, and the path."""
    if node.get("class") == "LAMBDA":  # an arrow
        column, path = node["lhs"], node["expr"]
    elif node.get("function_name") in _EXTRACTS and len(node["arguments"]) == 2:
        column, path = (each["expression"] for each in node["arguments"])
    else:
        return None, {}
    while column["class"] == "CAST":
        column = column["child"]
    is_attributes = (
        column["class"] == "COLUMN_REF" and column["column_names"][-1].lower() == "attributes"
    )
    return (column if is_attributes else None), path


def _member(path: Mapping[str, Any]) -> str:
    literal = path.get("literal") or {}
    found = _PATH.match(literal["text"]) if literal.get("kind") == "STRING" else None
    if found is None:
        raise _Other
    return next(each for each in found.groups() if each is not None)
