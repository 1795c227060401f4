"""All dialects of lines: told apart by name, by sample and by how a line begins."""

import re
from datetime import UTC, datetime

import pytest

from tests.waterline.recognition.samples import SAMPLES
from waterline.recognition.dialect import Dialect
from waterline.recognition.line_dialects import DIALECTS, dialect_of, kind_of
from waterline.recognition.recognizer import Recognizer

REFERENCE = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.slow
def test_names_of_dialects_are_unique_and_each_has_a_sample() -> None:
    names = [dialect.name for dialect in DIALECTS]
    assert len(set(names)) == len(names)
    read = {
        dialect.name
        for dialect in DIALECTS
        for sample in SAMPLES
        if dialect.read(sample.line, Recognizer(reference=REFERENCE)) is not None
    }
    assert read == set(names)


def test_shape_of_a_dialect_has_no_groups() -> None:
    for dialect in DIALECTS:
        if isinstance(dialect, Dialect):
            assert "(?P<" not in dialect.shape


def test_shapes_together_find_what_one_of_them_finds_alone() -> None:
    for sample in SAMPLES:
        kind = kind_of(sample.line)
        alone = {
            each.name
            for each in DIALECTS
            if kind in each.first and re.match(each.shape, sample.line, re.ASCII)
        }
        together = dialect_of(sample.line)
        assert (together.name if together else "") in (alone or {""})
