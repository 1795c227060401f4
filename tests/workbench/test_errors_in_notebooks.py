"""Errors in a notebook, with a real kernel: the sentence and the caller's line, and no wall."""

from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

from tests.support.folders import fill
from tests.support.processes import PATIENCE


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Run a cell that fails; return the content of its error."""
    folder = tmp_path_factory.mktemp("notebook") / "data"
    fill(folder, [{"type": "info", "message": "m"}])
    manager, client = start_new_kernel(kernel_name="python3", startup_timeout=PATIENCE)

    def run_cell(code: str) -> dict[str, Any]:
        reply = client.execute_interactive(code, timeout=PATIENCE, output_hook=lambda _: None)
        content: dict[str, Any] = reply["content"]
        return content

    assert run_cell(f"import workbench\nwb = workbench.connect({str(folder)!r})")["status"] == "ok"
    yield run_cell
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
