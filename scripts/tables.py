"""The tables of docs/ that tell what the code says: modules, settings, commands, metrics.

Each stands in its page between two comments. `make tables` writes them anew; `--check` only says
where a page is not what the code says.
"""

import ast
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Final

import click

from scripts.limits import LIMITS
from waterline import errors
from waterline.errors import WaterlineError
from waterline.metrics.registry import OWN
from waterline.settings.model import Settings, option_name, setting_names, setting_text
from workbench.cli.main import main as waterline
from workbench.doctor.registry import CHECKS

ROOT: Final = Path(__file__).parents[1]
DOCS: Final = ROOT / "docs"
_PLACE: Final = re.compile(
    r"(?P<begin><!-- table: (?P<name>\w+)(?P<prefixes>(?: \w+)*) -->\n)"
    r".*?(?P<end><!-- end of table -->)",
    re.DOTALL,
)


def settings_table(prefixes: tuple[str, ...]) -> str:
    """Return a row for each setting whose name begins so: what it is, and its default."""
    default = Settings()
    about = {each.name: each.metadata["description"] for each in fields(Settings)}
    rows = (
        (f"`{name}`", about[name], f"`{setting_text(default, name)}`")
        for name in setting_names()
        if name.startswith(prefixes or "")
    )
    return _table(("setting", "what", "default"), rows)


def commands_table(_: tuple[str, ...]) -> str:
    """Return a row for each command: how it is called, what it does, its own options."""
    return _table(("command", "what it does", "options"), _command_rows(waterline, "waterline"))


def metrics_table(_: tuple[str, ...]) -> str:
    """Return a row for each metric that the server takes of itself."""
    rows = (
        (
            f"`{each.name}`",
            each.about,
            str(each.kind),
            str(each.unit),
            ", ".join(each.dimensions) or "none",
        )
        for each in OWN
    )
    return _table(("metric", "what", "kind", "unit", "by"), rows)


def errors_table(_: tuple[str, ...]) -> str:
    """Return a row for each error that a user may catch."""
    found = [each for each in _public() if issubclass(each, WaterlineError)]
    rows = ((f"`{each.__name__}`", _parent(each), _about(each)) for each in found)
    return _table(("error", "is a", "what it means"), rows)


def warnings_table(_: tuple[str, ...]) -> str:
    """Return a row for each warning."""
    found = [each for each in _public() if issubclass(each, Warning)]
    return _table(
        ("warning", "what it means"), ((f"`{each.__name__}`", _about(each)) for each in found)
    )


def limits_table(prefixes: tuple[str, ...]) -> str:
    """Return a row for each limit of a kind: what it is of, and how much."""
    (kind,) = prefixes
    return _table(("what", "at most"), iter(LIMITS[kind]))


def checks_table(_: tuple[str, ...]) -> str:
    """Return a row for each check of the doctor."""
    return _table(("check", "looks at"), ((f"`{each.name}`", each.about) for each in CHECKS))


def rooms_table(packages: tuple[str, ...]) -> str:
    """Return a row for each folder of packages: the first line of its docstring."""
    rows = (
        (f"`{each.relative_to(ROOT)}/`", _first_line(each / "__init__.py"))
        for package in packages
        for each in (ROOT / package, *_rooms_below(ROOT / package))
    )
    return _table(("room", "what"), rows)


def modules_table(packages: tuple[str, ...]) -> str:
    """Return a row for each file of packages, folder by folder: its first line."""
    rows = (
        (
            f"`{each.relative_to(ROOT).with_suffix('' if each.suffix == '.py' else each.suffix)}`",
            what,
        )
        for package in packages
        for room in (ROOT / package, *_rooms_below(ROOT / package))
        for each in sorted(room.iterdir())
        if each.suffix in _FIRST_LINES and each.name != "__init__.py"
        for what in (_first_line(each),)
    )
    return _table(("file", "what"), rows)


def _rooms_below(package: Path) -> list[Path]:
    return sorted(each.parent for each in package.rglob("__init__.py") if each.parent != package)


def _docstring(text: str) -> str:
    return (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]


def _comment(text: str) -> str:
    return text.partition("\n")[0].strip("/*{#-} ")


_FIRST_LINES: Final[Mapping[str, Callable[[str], str]]] = {
    ".py": _docstring, ".js": _comment, ".css": _comment, ".html": _comment,
}  # fmt: skip
"""By the ending of a file, what its first line says of it."""


def _first_line(file: Path) -> str:
    """Return what a file is, in its own words.

    Raises:
        ValueError: it does not say so.
    """
    said = _FIRST_LINES[file.suffix](file.read_text(encoding="utf-8"))
    if not said:
        raise ValueError(f"{file} does not say in its first line what it is")
    return said


TABLES: Final[Mapping[str, Callable[[tuple[str, ...]], str]]] = {
    "settings": settings_table,
    "commands": commands_table,
    "metrics": metrics_table,
    "errors": errors_table,
    "warnings": warnings_table,
    "limits": limits_table,
    "checks": checks_table,
    "rooms": rooms_table,
    "modules": modules_table,
}


def filled(page: str) -> str:
    """Return a page with each of its tables made anew."""

    def table(found: re.Match[str]) -> str:
        rows = TABLES[found["name"]](tuple(found["prefixes"].split()))
        return f"{found['begin']}\n{rows}\n{found['end']}"

    return _PLACE.sub(table, page)


def _public() -> list[type]:
    """Return the errors and warnings, in the order in which they are defined."""
    return [each for each in vars(errors).values() if isinstance(each, type) and _is_ours(each)]


def _is_ours(kind: type) -> bool:
    return issubclass(kind, WaterlineError | Warning) and kind.__module__ == errors.__name__


def _parent(kind: type) -> str:
    return ", ".join(f"`{each.__name__}`" for each in kind.__bases__)


def _about(kind: type) -> str:
    return " ".join((kind.__doc__ or "").partition("\n\n")[0].split())


def _command_rows(group: click.Group, name: str) -> Iterator[tuple[str, str, str]]:
    context = click.Context(group, info_name=name)
    for each in sorted(group.commands):
        command = group.commands[each]
        if isinstance(command, click.Group):
            yield from _command_rows(command, f"{name} {each}")
            continue
        arguments = [
            parameter.make_metavar(context)
            for parameter in command.params
            if isinstance(parameter, click.Argument)
        ]
        usage = " ".join([name, each, *arguments])
        sentence = (command.help or "").strip().partition("\n\n")[0]
        yield f"`{usage}`", " ".join(sentence.split()), _options(command)


def _options(command: click.Command) -> str:
    """Return the options of a command; all settings together are told as that."""
    options = [
        "/".join([*parameter.opts[:1], *parameter.secondary_opts[:1]])
        for parameter in command.params
        if isinstance(parameter, click.Option)
    ]
    of_settings = [option_name(name) for name in setting_names()]
    if set(of_settings) <= set(options):
        own = [f"`{each}`" for each in options if each not in of_settings]
        return ", ".join(["every setting", *own])
    return ", ".join(f"`{each}`" for each in options) or "none"


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines
    )


def main() -> int:
    """Write the tables, or with `--check` name the pages that are not up to date."""
    is_check = sys.argv[1:] == ["--check"]
    old = {page: page.read_text(encoding="utf-8") for page in sorted(DOCS.glob("*.md"))}
    stale = [page for page, text in old.items() if filled(text) != text]
    for page in stale:
        if is_check:
            print(f"{page}: a table is not what the code says; `make tables` writes it")
        else:
            page.write_text(filled(old[page]), encoding="utf-8")
            print(f"{page}: written")
    return 1 if is_check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
