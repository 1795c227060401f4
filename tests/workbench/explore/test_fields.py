"""Fields of lines: their most frequent values, as they are in the logs."""

from workbench.explore.fields import MOST_FIELDS, MOST_VALUES, Field, fields_of
from workbench.explore.lines import LogLine


def line(attributes: str, source: str = "web", rest: int = 0) -> LogLine:
    return LogLine(1, 0, "info", source, "m", attributes, attributes_rest=rest)


def test_fields_of_most_logs_come_first_behind_the_source() -> None:
    fields, count = fields_of(
        [line('{"b":1,"a":"x"}'), line('{"b":"1"}', "db"), line('{"b":1,"c":null}')]
    )
    assert count == 3
    assert [(each.name, each.is_column, each.logs, each.distinct) for each in fields] == [
        ("source", True, 3, 2),
        ("b", False, 3, 2),
        ("a", False, 1, 1),
    ]  # null is no value, as to a query
    assert fields[0].values == [("web", True, 2), ("db", True, 1)]
    # A number and the text that reads the same are two values.
    assert fields[1].values == [("1", False, 2), ("1", True, 1)]


def test_numbers_are_exact_and_equal_ones_are_one_as_to_a_query() -> None:
    numbers = ("9007199254740993", "9007199254740992", "1.0", "1", "1e+300")
    fields, _ = fields_of([line(f'{{"n":{each}}}') for each in numbers])
    assert fields[1].distinct == 4
    assert [(text, logs) for text, _, logs in fields[1].values] == [
        ("1.0", 2), ("1e300", 1), ("9007199254740992", 1), ("9007199254740993", 1),
    ]  # fmt: skip


def test_what_nobody_would_choose_is_counted_and_not_told() -> None:
    long = "x" * 201
    fields, _ = fields_of([line(f'{{"k":"{long}"}}'), line('{"k":[1]}'), line('{"k":{"a":1}}')])
    assert fields[1] == Field("k", is_column=False, logs=3, distinct=3, values=[])


def test_lines_with_cut_attributes_are_left_out() -> None:
    fields, count = fields_of([line('{"k":"x', rest=9), line("{}")])
    assert count == 1
    assert [each.name for each in fields] == ["source"]


def test_fields_and_values_are_bounded() -> None:
    many = "{" + ",".join(f'"k{n:02}":1' for n in range(60)) + "}"
    fields, _ = fields_of([line(many), *(line(f'{{"k59":{n}}}') for n in range(30))])
    assert len(fields) == MOST_FIELDS + 1
    assert (fields[1].name, fields[1].logs, fields[1].distinct) == ("k59", 31, 30)
    assert len(fields[1].values) == MOST_VALUES


def test_no_lines_have_no_fields() -> None:
    assert fields_of([]) == ([Field("source", is_column=True, logs=0, distinct=0, values=[])], 0)
