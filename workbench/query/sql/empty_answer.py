"""Why a SELECT over logs has no row: the plain comparison that no log meets."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import duckdb
import pyarrow as pa

from waterline.archive.reader import BatchReader
from waterline.errors import UsageError
from workbench.query.database import Database
from workbench.query.empty_answer import why_none
from workbench.query.question import Question
from workbench.query.sql.statement import Parameters
from workbench.query.times import to_milliseconds

_EQUAL: Final = "COMPARE_EQUAL"
_SINCE: Final = ("COMPARE_GREATERTHAN", "COMPARE_GREATERTHANOREQUALTO")
_UNTIL: Final = {"COMPARE_LESSTHAN": 0, "COMPARE_LESSTHANOREQUALTO": 1}
_MIRRORED: Final = {
    "COMPARE_GREATERTHAN": "COMPARE_LESSTHAN",
    "COMPARE_LESSTHAN": "COMPARE_GREATERTHAN",
    "COMPARE_GREATERTHANOREQUALTO": "COMPARE_LESSTHANOREQUALTO",
    "COMPARE_LESSTHANOREQUALTO": "COMPARE_GREATERTHANOREQUALTO",
}
_EXTRACTS: Final = frozenset({"->", "->>", "json_extract", "json_extract_string"})


@dataclass(frozen=True, slots=True)
class Comparisons:
    """Plain comparisons of one SELECT over `logs`."""

    question: Question
    attributes: tuple[str, ...]
    """Names of attributes that are compared with a value."""


def wanted(query: str, parameters: Parameters | None) -> list[Comparisons]:
    """Return the comparisons of each SELECT over `logs` in a statement, without running it.

    Args:
        query: a statement that DuckDB has answered.
        parameters: the values of its parameters.
    """
    with duckdb.connect(":memory:") as connection:
        (told,) = connection.execute("SELECT json_serialize_sql(?)", [query]).fetchall()
    values = _by_name(parameters)
    return [_of(node, values) for node in _selects(json.loads(told[0]))]


def _by_name(parameters: Parameters | None) -> Mapping[str, object]:
    if parameters is None or isinstance(parameters, Mapping):
        return parameters or {}
    return {str(place): value for place, value in enumerate(parameters, start=1)}


def _selects(tree: object) -> Iterator[Mapping[str, Any]]:
    """Yield the SELECTs over `logs` alone, at any depth."""
    if isinstance(tree, list):
        for each in tree:
            yield from _selects(each)
    elif isinstance(tree, dict):
        table = tree.get("from_table")
        if tree.get("type") == "SELECT_NODE" and table and table.get("table_name") == "logs":
            yield tree
        for each in tree.values():
            yield from _selects(each)


def _of(node: Mapping[str, Any], values: Mapping[str, object]) -> Comparisons:
    question, attributes = Question(), []
    for condition in _conditions(node.get("where_clause")):
        for operator, column, constants in _comparisons(condition):
            given = [_value(each, values) for each in constants]
            name = _name(column)
            if name is None:
                attribute = _attribute(column)
                if attribute is not None:
                    attributes.append(attribute)
            elif operator == _EQUAL and name in ("type", "source"):
                texts = tuple(each for each in given if isinstance(each, str))
                if len(texts) == len(given):
                    filters = (
                        replace(question.filters, types=texts)
                        if name == "type"
                        else replace(question.filters, sources=texts)
                    )
                    question = replace(question, filters=filters)
            elif name == "timestamp" and len(given) == 1:
                question = _timed(question, operator, given[0])
    return Comparisons(question, tuple(attributes))


def _conditions(clause: Mapping[str, Any] | None) -> Iterator[Mapping[str, Any]]:
    """Yield the conditions that all rows must meet."""
    if clause is None:
        return
    if clause["type"] == "CONJUNCTION_AND":
        for each in clause["children"]:
            yield from _conditions(each)
    else:
        yield clause


def _comparisons(
    condition: Mapping[str, Any],
) -> Iterator[tuple[str, Mapping[str, Any], list[Mapping[str, Any]]]]:
    """Yield operator, left side and constants of each comparison."""
    kind = condition["type"]
    if kind == "COMPARE_IN":
        column, *constants = condition["children"]
        yield _EQUAL, column, constants
    elif kind == "COMPARE_BETWEEN":
        yield "COMPARE_GREATERTHANOREQUALTO", condition["input"], [condition["lower"]]
        yield "COMPARE_LESSTHANOREQUALTO", condition["input"], [condition["upper"]]
    elif condition["class"] == "COMPARISON":
        left, right = condition["left"], condition["right"]
        if _is_constant(left):
            kind, left, right = _MIRRORED.get(kind, kind), right, left
        if _is_constant(right):
            yield kind, left, [right]


def _is_constant(expression: Mapping[str, Any]) -> bool:
    if expression["class"] == "CAST":
        return _is_constant(expression["child"])
    return expression["class"] in ("CONSTANT", "PARAMETER")


def _value(expression: Mapping[str, Any], values: Mapping[str, object]) -> object:
    """Return the value of a text or parameter; None for other constants."""
    if expression["class"] == "CAST":
        return _value(expression["child"], values)
    if expression["class"] == "PARAMETER":
        return values.get(expression["identifier"])
    literal = expression.get("literal") or {}
    return literal.get("text") if literal.get("kind") == "STRING" else None


def _name(expression: Mapping[str, Any]) -> str | None:
    """Return the name of the column that an expression is, or None."""
    if expression["class"] == "CAST":
        return _name(expression["child"])
    if expression["class"] != "COLUMN_REF":
        return None
    name: str = expression["column_names"][-1]
    return name.lower()


def _attribute(expression: Mapping[str, Any]) -> str | None:
    """Return the attribute that an expression extracts from `attributes`, or None."""
    if expression["class"] == "CAST":
        return _attribute(expression["child"])
    if expression.get("function_name") not in _EXTRACTS:
        return None
    column, path = (each["expression"] for each in expression["arguments"])
    name = _value(path, {})
    if _name(column) != "attributes" or not isinstance(name, str) or name.startswith("/"):
        return None
    if name.startswith("$"):
        name = name.removeprefix("$.").strip('"')
        return None if name.startswith("$") or {*'.[]"*'} & {*name} else name
    return name


def _timed(question: Question, operator: str, value: Any) -> Question:  # noqa: ANN401
    if not isinstance(value, str) or not value.startswith("-"):
        try:
            moment = to_milliseconds(value, "timestamp", 0)
        except UsageError:
            return question
        if operator in _SINCE:
            return replace(question, since=moment)
        if operator in _UNTIL:
            return replace(question, until=moment + _UNTIL[operator])
    return question


def why_no_rows(
    rows: pa.Table,
    database: Database,
    reader: BatchReader,
    query: str,
    parameters: Parameters | None,
) -> str | None:
    """Return a sentence about the first comparison that alone leaves no log, or None.

    Args:
        rows: the answer: no row, or one row of counts and sums of nothing.
        database: logs.db.
        reader: reads a batch, for the attributes of archived logs.
        query: a statement that was answered.
        parameters: the values of its parameters.
    """
    if not _is_of_nothing(rows):
        return None
    for each in wanted(query, parameters):
        why = why_none(database, reader, each.question, each.attributes)
        if why is not None:
            return why
    return None


def _is_of_nothing(rows: pa.Table) -> bool:
    if rows.num_rows == 1:
        return all(each[0].as_py() in (None, 0) for each in rows.columns)
    return not rows.num_rows
