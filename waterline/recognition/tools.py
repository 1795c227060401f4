"""Lines of tools and desktops, and what runtimes say when they die."""

from typing import Final

from waterline.recognition.dialect import FORMS, Dialect

_MONTH_NAME: Final = FORMS["month_name"]
_CRASH: Final = (
    r"(?:Traceback[ ]\(most[ ]recent[ ]call[ ]last\):|panic:[ ]|fatal[ ]error:[ ]"
    r"|Exception[ ]in[ ]thread[ ]\"|thread[ ]'[^']*'[ ](?:\(\d+\)[ ])?panicked[ ]at"
    r"|PHP[ ]Fatal[ ]error:|Unhandled[ ]exception)"
)


TOOLS: Final = (
    Dialect(
        "npm",
        "a",
        r"npm[ ](?:ERR!|WARN|error|warn|notice|info|verb)[ ]",
        r"npm (?P<level>ERR|WARN|error|warn|notice|info|verb)!? ",
    ),
    Dialect(
        "kernel_facility",
        "a",
        r"(?:kern|user|daemon|auth|syslog)[ ]{2}:[a-z]+[ ]*:",
        r"(?:kern|user|daemon|auth|syslog)  :(?P<level>[a-z]+) *:"
        rf"(?: *\[{_MONTH_NAME.core}\])?",
        _MONTH_NAME,
    ),
    Dialect("crash", "Aa", _CRASH, _CRASH, level="error"),
    Dialect(
        "xorg",
        "[",
        r"\[[ ]*[\d.]+\][ ]\([EWI]{2}\)[ ]",
        r"\[ *[\d.]+\] \((?P<level>[EWI])[EWI]\) ",
    ),
    Dialect(
        "glib",
        "*(Aa",
        r"(?:\*\*[ ])?\(?[\w.-]++:\d+\)?:[ ](?:[\w-]+-)?[A-Za-z]+[ ]\*\*:[ ]\d\d:",
        r"(?:\*\* )?\(?(?P<program>[\w.-]+):(?P<pid>\d+)\)?: (?:(?P<domain>[\w-]+)-)?"
        rf"(?P<level>[A-Za-z]+) \*\*: {FORMS['clock'].core}",
        FORMS["clock"],
    ),
    Dialect(
        "compiler",
        "Aa/.",
        r"[\w./-]++:\d++(?::\d+)?:[ ](?:fatal[ ])?(?:error|warning|note):[ ]",
        r"(?P<file>[\w./-]+):\d+(?::\d+)?: (?:fatal )?(?P<level>error|warning|note): ",
    ),
    Dialect(
        "rustc",
        "a",
        r"(?:error|warning)\[\w+\]:[ ]",
        r"(?P<level>error|warning)\[(?P<code>\w+)\]: ",
    ),
)
"""Dialects of tools, and of what a runtime says at its end."""
