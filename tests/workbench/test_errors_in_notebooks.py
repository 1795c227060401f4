"""Errors in a notebook, with a real kernel: the sentence and the caller's line, and no wall."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

from tests.support.folders import fill
from tests.support.processes import PATIENCE

FROM_ANOTHER = """import waterline.errors
try:
    {}[7]
except KeyError as error:
    raise waterline.errors.UsageError('x') from error"""


# pandas is where the walk's first piece is asked for.
THROUGH_PANDAS = """import itertools, pandas
none = pandas.DataFrame()
pieces = wb.iter_logs(type='eror')
pandas.concat(itertools.chain([none], pieces))"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Run a cell; return the content of its error, if any, and what it has printed."""
    folder = tmp_path_factory.mktemp("notebook") / "data"
    fill(folder, [{"type": "info", "message": "m"}])
    manager, client = start_new_kernel(kernel_name="python3", startup_timeout=PATIENCE)

    def run_cell(code: str) -> dict[str, Any]:
        streams: list[str] = []

        def note(message: dict[str, Any]) -> None:
            streams.append(message["content"].get("text", ""))

        reply = client.execute_interactive(code, timeout=PATIENCE, output_hook=note)
        content: dict[str, Any] = reply["content"]
        return content | {"streams": "".join(streams)}

    (folder.parent / "app.log").write_text("2026-01-01 00:00:00 ERROR x")
    begin = f"import asyncio, workbench\nLOG = {str(folder.parent / 'app.log')!r}\n"
    begin += f"wb = workbench.connect({str(folder)!r})"
    try:
        assert run_cell(begin)["status"] == "ok"
        yield run_cell
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        ("wb.logs(order=7)", "UsageError"),
        ("wb.logs(tpye=7)", "UsageError"),
        ("wb.count(limit=-1)", "UsageError"),
        ("[*wb.iter_logs(limit=1)]", "UsageError"),
        ("wb.sql('SELEC 1')", "UsageError"),
        ("wb.sql('SELECT nothing FROM logs')", "UsageError"),
        ("wb.throughput('x')", "UsageError"),
        ("wb.latency(percentiles=[101])", "UsageError"),
        ("wb.engine.connect().exec_driver_sql('DROP TABLE logs')", "UsageError"),
        ("workbench.connect('nowhere')", "DataFolderError"),
        ("workbench.read('nowhere.log')", "UsageError"),
        ("wb.read('nowhere.log', pattern='(')", "UsageError"),
        ("workbench.Producer('ftp://localhost', token='x')", "UsageError"),
    ],
)
def test_error_is_its_sentence_and_the_line_of_the_cell(run: Any, call: str, kind: str) -> None:  # noqa: ANN401
    error = run(f"x = 1\n{call}\ny = 2")
    assert error["ename"] == kind
    assert error["traceback"] == [
        "line 2 of the cell",
        f"    {call}",
        f"{kind}: {error['evalue']}",
    ]


def test_error_in_a_function_of_the_cell_names_the_line_that_calls(run: Any) -> None:  # noqa: ANN401
    error = run("def ask():\n    return wb.logs(order=7)\n\nask()")
    assert error["traceback"][:2] == ["line 2 of the cell", "    return wb.logs(order=7)"]


@pytest.mark.parametrize(
    ("cell", "line"),
    [
        ("x = 1\nawait asyncio.to_thread(wb.logs, order=7)", 2),
        ("async def f():\n    wb.logs(order=7)\nawait asyncio.gather(f())", 2),
        ("%%time\nx = 1\nwb.logs(order=7)", 3),
        ("%%time\ndef f():\n    wb.logs(order=7)\nf()", 3),
        ("x = 1\n%time wb.logs(order=7)", 2),
        ("x = 1\n%timeit wb.logs(order=7)", 2),
        ("%%timeit\nwb.logs(order=7)", 1),
        ("with workbench.connect('nowhere') as other:\n    pass", 1),
        ("with workbench.connect(wb._session.folder.path) as other:\n    other.logs(order=7)", 2),
        ("try:\n    wb.logs(order=7)\nexcept Exception:\n    wb.count(limit=-1)", 4),
        ("import pandas\npandas.Series([7]).map(lambda each: wb.logs(order=each))", 2),
        ("import pandas\npandas.read_sql('SELECT nothing FROM logs', wb.engine)", 2),
        (FROM_ANOTHER, 5),
    ],
)
def test_error_names_the_line_wherever_it_is_raised(
    run: Any,  # noqa: ANN401
    cell: str,
    line: int,
) -> None:
    where, shown, sentence = run(cell)["traceback"]
    assert where == f"line {line} of the cell"
    assert shown.strip() == cell.splitlines()[line - 1].strip()
    assert re.match("(Usage|DataFolder)Error: ", sentence)


@pytest.mark.parametrize(
    ("cell", "line"),
    [
        ("x = 1\nwb.logs(type='eror')", 2),
        ("x = 1\nworkbench.read(LOG, type='eror')", 2),
        ("x = 1\nfor _ in wb.iter_logs(type='eror'):\n    pass", 2),
        (THROUGH_PANDAS, 4),
        ("import pandas\npandas.Series(['eror']).map(lambda each: wb.count(type=each))", 2),
        ("async def f():\n    return wb.count(type='eror')\nawait f()", 2),
    ],
)
def test_warning_names_the_line_of_the_cell(run: Any, cell: str, line: int) -> None:  # noqa: ANN401
    told = run(cell)["streams"]
    assert re.search(rf"ipykernel_\d+/\d+\.py:{line}: NothingFound: type='eror'", told)
    assert cell.splitlines()[line - 1].strip() in told
