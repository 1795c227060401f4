"""The file that our own processes append their log to; without it they do not start."""

from collections.abc import Iterator

from workbench.doctor.finding import Finding, fault, ok, skipped
from workbench.doctor.subject import Subject
from workbench.doctor.writable import file_refusal


def log_file(subject: Subject) -> Iterator[Finding]:
    """Look whether log_file can be written; it is not made."""
    path = subject.settings.log_file
    if path is None:
        yield skipped("log_file is none: standard error has the log")
        return
    refusal = file_refusal(path)
    if refusal is None:
        yield ok(f"{path} can be written")
        return
    yield fault(
        f"log_file is {path}, and {refusal}, so that no process starts that writes there",
        "make its folder, give the user of the server the right to write there, or set log_file "
        "to another file",
    )
