"""Frames in a notebook, with a real kernel: logs as a table, all else as pandas shows it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

from tests.support.folders import fill
from tests.support.processes import PATIENCE

pytestmark = pytest.mark.slow

OURS = '<div class="wl-logs"'
PANDAS = '<table border="1" class="dataframe">'


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Run a cell; return what it shows by type."""
    folder = tmp_path_factory.mktemp("notebook") / "data"
    fill(folder, [{"type": "info", "message": "m", "n": 1}])
    manager, client = start_new_kernel(kernel_name="python3", startup_timeout=PATIENCE)

    def run(code: str) -> dict[str, str]:
        found: dict[str, str] = {}

        def note(message: dict[str, Any]) -> None:
            found.update(message["content"].get("data", {}))

        reply = client.execute_interactive(code, timeout=PATIENCE, output_hook=note)
        assert reply["content"]["status"] == "ok", reply["content"]
        return found

    (folder.parent / "app.log").write_text("2026-01-01 00:00:00 ERROR x")
    begin = f"import pandas as pd, workbench\nLOG = {str(folder.parent / 'app.log')!r}\n"
    try:
        run(f"{begin}wb = workbench.connect({str(folder)!r})")
        yield run
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


@pytest.mark.parametrize(
    "cell",
    [
        "wb.logs()",
        "wb.logs().head(1)",
        "wb.logs(attributes=['n'])[['message', 'n']]",
        "wb.logs().assign(x=1).sort_values('seq')",
        "next(wb.iter_logs())",
        "wb.sql('SELECT timestamp, message FROM logs')",
        "workbench.read(LOG)",
        "wb.show([{'message': 'm'}])",
        "wb.patterns()[['logs', 'pattern', 'example']].rename(columns={'example': 'message'})",
    ],
)
def test_logs_are_a_table_to_read_and_pandas_text(shown: Any, cell: str) -> None:  # noqa: ANN401
    data = shown(cell)
    assert data["text/html"].startswith(OURS)
    assert "message" in data["text/plain"]
    assert OURS not in data["text/plain"]


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("wb.patterns()", '<td align="left" class="wl-message">m</td>'),
        (
            "wb.patterns()[['logs', 'pattern']].head(1)",
            '<td align="right" class="wl-number">1</td>',
        ),
        ("wb.fields()", '<code class="wl-pair"><i>info</i> 1</code>'),
        ("wb.diff({'type': 'x'}, {})[['what', 'value']]", '<td align="left" class="wl-value">'),
    ],
)
def test_reports_have_their_texts_at_the_left(shown: Any, cell: str, said: str) -> None:  # noqa: ANN401
    data = shown(cell)
    assert data["text/html"].startswith(OURS)
    assert said in data["text/html"]


@pytest.mark.parametrize(
    "cell",
    [
        "pd.DataFrame(wb.logs())",
        "wb.logs()[['type', 'timestamp']]",
        "wb.logs().set_index('timestamp')",
        "wb.sql('SELECT count(*) AS logs FROM logs')",
        "pd.DataFrame({'message': ['m']})",
    ],
)
def test_all_else_is_as_pandas_shows_it(shown: Any, cell: str) -> None:  # noqa: ANN401
    data = shown(cell)
    assert PANDAS in data["text/html"]
    assert OURS not in data["text/html"]


def test_pandas_option_and_a_formatter_of_ones_own_are_heeded(shown: Any) -> None:  # noqa: ANN401
    option = "pd.option_context('display.notebook_repr_html', False)"
    assert "text/html" not in shown(f"with {option}:\n    display(wb.logs())")
    html = "get_ipython().display_formatter.formatters['text/html']"
    own = f"{html}.for_type(pd.DataFrame, lambda frame: 'mine'); wb.logs()"
    assert shown(own)["text/html"] == "mine"
    again = "wb = workbench.connect(wb._session.folder.path)\npd.DataFrame({'a': [1]})"
    assert shown(again)["text/html"] == "mine"
    assert shown("wb.logs()")["text/html"].startswith(OURS)


def test_module_is_usable_without_ipython(data: Path) -> None:
    fill(data, [{"type": "info", "message": "m"}])
    import workbench

    with workbench.connect(data) as wb:
        assert "wl-logs" not in repr(wb.logs())
