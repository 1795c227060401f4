"""`waterline doctor`: what is wrong, and what to do."""

import os
from typing import TYPE_CHECKING, Final

import click
import msgspec

from waterline.errors import SettingsError
from waterline.settings.model import setting_names
from waterline.terminal import say
from workbench.cli.options import load, needs, settings_options

if TYPE_CHECKING:
    from workbench.doctor.examine import Examination

_CODES: Final = {"ok": 0, "skipped": 0, "warning": 1, "fault": 2}
"""Exit code by the worst verdict, as plugins of monitoring systems have it."""


@click.command()
@click.option("--url", metavar="ADDRESS", help="try this address of clients too, as of a proxy")
@click.option("--full", is_flag=True, help="read all of the databases and archives, however long")
@click.option("--json", "as_json", is_flag=True, help="a JSON object")
@settings_options(*setting_names())
@needs("server")
def doctor(url: str | None, full: bool, as_json: bool, **options: str | None) -> None:
    """Say what is wrong with folder, server and what is around them; its server may run or not.

    Nothing is changed. The exit code is 0 if all is well, 1 if something is worth a look, 2 if
    something does not work.
    """
    from workbench.doctor.client_address import parse_url
    from workbench.doctor.examine import examine
    from workbench.doctor.subject import Subject

    if url is not None:
        parse_url(url)
    try:
        loaded = load(options)
    except SettingsError as error:
        _tell(_of_settings(error), as_json=as_json)
        raise SystemExit(_CODES["fault"]) from error
    subject = Subject(loaded.settings, loaded.sources, loaded.alerts, url, full, dict(os.environ))
    found = examine(subject)
    _tell(found, as_json=as_json)
    raise SystemExit(_CODES[found.verdict])


def _of_settings(error: SettingsError) -> "Examination":
    """Return an examination that ends at the settings, without which nothing can be looked at."""
    from workbench.doctor.examine import Examination, Examined
    from workbench.doctor.finding import Verdict, skipped, told
    from workbench.doctor.registry import CHECKS, SETTINGS

    found = told(Verdict.FAULT, str(error), "correct it; `waterline settings` shows all")
    others = [each for each in CHECKS if each is not SETTINGS]
    return Examination(
        (
            Examined(SETTINGS.name, found),
            *(Examined(each.name, skipped("the settings have no meaning")) for each in others),
        )
    )


def _tell(found: "Examination", *, as_json: bool) -> None:
    if as_json:
        say(_json(found))
        return
    width = max(len(each.check) for each in found.found)
    for each in found.found:
        say(f"{each.finding.verdict:<7}  {each.check:<{width}}  {each.finding.sentence}")
    counts = ", ".join(f"{number} {verdict}" for verdict, number in found.counts.items() if number)
    say(f"{found.verdict}: {counts}")


def _json(found: "Examination") -> str:
    content = {
        "verdict": found.verdict,
        "findings": [
            {
                "check": each.check,
                "verdict": each.finding.verdict,
                "reason": each.finding.reason,
                "advice": each.finding.advice or None,
            }
            for each in found.found
        ],
    }
    return msgspec.json.format(msgspec.json.encode(content), indent=2).decode()
