"""A log that comes in meets a query's text exactly where the stored one would."""

from hypothesis import given
from hypothesis import strategies as st

from tests.support.examples import costly
from tests.support.folders import Batch
from tests.support.plainly import answer_plainly, store_plainly
from tests.workbench.query.test_execute import batches_of_logs, texts
from waterline.query_text.matching import matching
from waterline.query_text.parse import parse
from workbench.query.question import ask


@costly(120)
@given(batches_of_logs, st.data())
def test_log_matches_where_a_plain_filter_takes_it(
    batches: list[Batch], data: st.DataObject
) -> None:
    logs = store_plainly(batches)
    for text in data.draw(st.lists(texts(logs), min_size=5, max_size=10)):
        expected = {log.seq for log in answer_plainly(logs, ask(now=0, query=text))}
        assert {logs[each].seq for each in matching(logs, parse(text))} == expected
