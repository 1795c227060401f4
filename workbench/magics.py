"""The magic `%%wb_sql` of notebooks: SQL in a cell."""

import argparse
import shlex
from collections.abc import Mapping
from typing import Any, Final, NoReturn

import duckdb
import pandas as pd
from IPython.core.interactiveshell import InteractiveShell

from waterline.errors import UsageError
from workbench.notebook import formatter
from workbench.workbench import Workbench, connect

_NAME: Final = "wb_sql"
_USUAL: Final = "wb"


def load(shell: InteractiveShell) -> None:
    """Register the magic, and how frames of logs show themselves."""

    def wb_sql(line: str, cell: str) -> pd.DataFrame:
        """Answer the SELECT in the cell, as `wb.sql` does.

        %%wb_sql [NAME] [--wb NAME | --data FOLDER] [--at PIN]

        NAME is a variable that the frame is assigned to. The workbench is the variable `wb`, or
        the one that --wb names, or one of the folder of --data. --at is a pin, or a variable that
        holds one. In the SELECT, `$since` is the value of the variable `since`.
        """
        return _answer(shell.user_ns, line, cell)

    formatter.register()
    shell.register_magic_function(wb_sql, "cell", _NAME)  # type: ignore[arg-type] # typed amiss


def unload(shell: InteractiveShell) -> None:
    """Take both away again."""
    formatter.unregister()
    shell.magics_manager.magics["cell"].pop(_NAME, None)


class _Options(argparse.ArgumentParser):
    """Options of the magic, whose mistakes are sentences."""

    def __init__(self) -> None:
        super().__init__(f"%%{_NAME}", add_help=False)
        self.add_argument("name", nargs="?")
        self.add_argument("--wb", default=_USUAL)
        self.add_argument("--data")
        self.add_argument("--at")

    def error(self, message: str) -> NoReturn:
        raise UsageError(
            f"%%{_NAME}: {message}; give [NAME] [--wb NAME | --data FOLDER] [--at PIN]"
        )


def _answer(variables: dict[str, Any], line: str, cell: str) -> pd.DataFrame:
    """Return the rows of a cell, and assign them if the line has a name.

    Args:
        variables: those of the notebook.
        line: what stands behind the name of the magic.
        cell: the SELECT.
    """
    options = _Options()
    try:
        words = shlex.split(line)
    except ValueError as error:
        options.error(str(error).lower())
    given = options.parse_args(words)
    if given.name is not None and not given.name.isidentifier():
        options.error(f"{given.name!r} is no name of a variable")
    query = cell.strip().removesuffix(";")
    parameters = _parameters(query, variables)
    at = variables.get(given.at, given.at)
    if given.data is not None:
        with connect(given.data) as other:
            frame = other.sql(query, parameters, at=at)
    else:
        frame = _workbench(given.wb, variables).sql(query, parameters, at=at)
    if given.name is not None:
        variables[given.name] = frame
    return frame


def _workbench(name: str, variables: Mapping[str, Any]) -> Workbench:
    found = variables.get(name)
    if isinstance(found, Workbench):
        return found
    raise UsageError(
        f"%%{_NAME}: the variable {name} is no workbench; {name} = workbench.connect('data') makes "
        "it one, or name a folder with --data"
    )


def _parameters(query: str, variables: Mapping[str, Any]) -> dict[str, object] | None:
    """Return the variables that a query names as `$name`; None if it names none.

    Raises:
        UsageError: one is not defined.
    """
    try:
        names = {
            name for each in duckdb.extract_statements(query) for name in each.named_parameters
        }
    except duckdb.Error:
        return None  # `sql` tells what is wrong
    missing = sorted(name for name in names if name not in variables)
    if missing:
        raise UsageError(f"%%{_NAME}: ${missing[0]} is no variable of this notebook")
    return {name: variables[name] for name in names} or None
