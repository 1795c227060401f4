"""The magic of SQL, in a real kernel."""

from collections.abc import Iterator

import pytest

from tests.support.folders import fill
from tests.support.kernel import Kernel, running_kernel

pytestmark = pytest.mark.slow

COUNT = "SELECT type, count(*) AS logs FROM logs GROUP BY type ORDER BY type"


@pytest.fixture(scope="module")
def kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    folder = tmp_path_factory.mktemp("notebook") / "data"
    fill(folder, [{"type": kind, "message": "m"} for kind in ("info", "error", "info")])
    begin = f"%load_ext workbench\nimport workbench\nFOLDER = {str(folder)!r}\n"
    with running_kernel(f"{begin}wb = workbench.connect(FOLDER)\npin = wb.pin()") as kernel:
        kernel.run(f"%cd -q {folder.parent}")
        yield kernel


@pytest.mark.parametrize(
    "line", ["", "--wb other", "--data data", "--at pin", "counts --data 'data' --at pin"]
)
def test_cell_is_answered_as_sql_is(kernel: Kernel, line: str) -> None:
    kernel.run("other = workbench.connect(FOLDER)")
    ran = kernel.run(f"%%wb_sql {line}\n{COUNT};\n")
    assert ran.reply["status"] == "ok"
    assert ran.shown[-1]["text/plain"] == "    type  logs\n0  error     1\n1   info     2"


def test_frame_is_assigned_and_variables_are_bound(kernel: Kernel) -> None:
    kernel.run("kind = 'error'")
    kernel.run("%%wb_sql found\nSELECT seq FROM logs WHERE type = $kind")
    ran = kernel.run("found['seq'].tolist()")
    assert ran.shown[-1]["text/plain"] == "[2]"


def test_answer_with_messages_is_shown_as_logs_are(kernel: Kernel) -> None:
    ran = kernel.run("%%wb_sql\nSELECT timestamp, message FROM logs")
    assert ran.shown[-1]["text/html"].startswith('<div class="wl-logs"')


@pytest.mark.parametrize(
    ("cell", "said"),
    [
        ("%%wb_sql 1x\nSELECT 1", "'1x' is no name of a variable"),
        ("%%wb_sql --wb kernel\nSELECT 1", "the variable kernel is no workbench"),
        ("%%wb_sql --fast\nSELECT 1", "unrecognized arguments: --fast"),
        ("%%wb_sql 'x\nSELECT 1", "no closing quotation"),
        ("%%wb_sql\nSELECT $nothing", "$nothing is no variable of this notebook"),
        ("%%wb_sql\nSELEC 1", "SELEC"),
        ("%%wb_sql --data nowhere\nSELECT 1", "there are no logs in nowhere"),
    ],
)
def test_mistake_is_one_sentence(kernel: Kernel, cell: str, said: str) -> None:
    reply = kernel.run(cell).reply
    assert reply["status"] == "error"
    assert said in reply["evalue"]
    assert len(reply["traceback"]) <= 3


def test_extension_is_taken_away_again(kernel: Kernel) -> None:
    kernel.run("%unload_ext workbench")
    assert kernel.run("%%wb_sql\nSELECT 1").reply["status"] == "error"
    assert "wl-logs" not in kernel.run("wb.logs()").shown[-1]["text/html"]
    kernel.run("%load_ext workbench")
    assert "wl-logs" in kernel.run("wb.logs()").shown[-1]["text/html"]
