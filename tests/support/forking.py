"""Real processes of the program without the cost of their imports: forked off one that has them.

A process of Python that asks a question computes for a second before its first line, and a test
of a command starts several. Here a process that has imported what they need, the nursery, forks
a child for each of them. The child has a pid, signals, pipes, a folder, an environment and an
exit code of its own, runs the same script, and ends as any Python does. It is a child of the
test's process, as one that `subprocess.Popen` starts.

What a fresh interpreter imports, and how heavy it is, is for tests of processes that are started
plainly. So is what looks at variables of Python's own: with those, or where no process can
take in the children of another, `Started` starts one plainly too.
"""

import atexit
import ctypes
import faulthandler
import gc
import inspect
import io
import json
import os
import runpy
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import types
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NoReturn

PATIENCE: Final = 120.0
"""Seconds; far more than anything takes, so that a slow machine fails no test."""
WATERLINE: Final = str(Path(sys.executable).with_name("waterline"))
OBEYING: Final = (
    ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.getuid() == 0 else []
)
"""What stands before a command that heeds the modes of files, which root need not."""
_ROOT: Final = Path(__file__).parents[2]

_SERVING: Final = ("workbench.cli.main", "server.process", "waterline.tokens")
_COMPLAINING: Final = "duckdb"
_JOBS: Final = (_COMPLAINING, "waterline.archive.jobs.run", "waterline.archive.jobs.verify")
_ARCHIVING: Final = (*_SERVING, "pyarrow.parquet", *_JOBS)
_PANDAS: Final = ("pyarrow.parquet", "pandas", "adbc_driver_sqlite.dbapi")
_ASKING: Final = (*_SERVING, *_PANDAS, *_JOBS, "workbench.workbench")
_SHOWING: Final = (*_SERVING, "panel", *_PANDAS, _COMPLAINING, "workbench.dashboard.serving")

_BY_COMMAND: Final[Mapping[tuple[str, ...], tuple[str, ...]]] = {
    (WATERLINE, "archive", "export"): _ASKING,
    (WATERLINE, "report"): _ASKING,
    (WATERLINE, "archive"): _ARCHIVING,
    (WATERLINE,): _SERVING,
    (sys.executable, "-m", "workbench.dashboard"): _SHOWING,
    (sys.executable, "-m", "tests.support.doomed_job"): _ARCHIVING,
    (sys.executable, "-m", "tests.support.power"): _SERVING,
    (sys.executable, "-m", "tests.support.doomed_step"): _SERVING,
    (sys.executable, "-m", "tests.support.doomed_migration"): _ARCHIVING,
    (sys.executable, "-m", "tests.support.archived"): _SERVING,
    (sys.executable, "-m", "tests.support.asking"): _ASKING,
    (sys.executable, "-c"): _ASKING,
}
"""What is imported for a command, by its first words; the first that fits counts."""

# These take effect while an interpreter starts or a module is imported.
_EARLY: Final = ("PYTHON", "LC_", "LANG", "MPL", "COVERAGE", "LD_")
_UNBUFFERED: Final = "PYTHONUNBUFFERED"  # only what opens the standard files heeds it
_AT_FIRST: Final = dict(os.environ)
_PR_SET_CHILD_SUBREAPER: Final = 36
_MOST_BYTES: Final = 2**20
_TELLING: Final = signal.SIGUSR2
"""Has a child say on its standard error where each of its threads is."""


class Started(subprocess.Popen[Any]):
    """A process of a command, forked off a nursery; see the module. Arguments are Popen's."""

    def _execute_child(self, *given: Any) -> None:  # noqa: ANN401 - whatever this Python hands over
        by_name = _SIGNATURE.bind(self, *given).arguments
        command = [os.fspath(each) for each in by_name["args"]]
        environment = dict(os.environ if by_name["env"] is None else by_name["env"])
        obeying = bool(OBEYING) and command[: len(OBEYING)] == OBEYING
        needed = _needed(command[len(OBEYING) :] if obeying else command)
        if needed is None or _early(environment) != _early(_AT_FIRST) or not _can_adopt():
            super()._execute_child(*given)  # type: ignore[misc]
            return
        pipes = [by_name[name] for name in ("p2cread", "c2pwrite", "errwrite")]
        order = {
            "command": command[len(OBEYING) :] if obeying else command,
            "obeying": obeying,
            "folder": os.fspath(by_name["cwd"] or Path.cwd()),
            "environment": environment,
            "deaf": signal.getsignal(signal.SIGINT) is signal.SIG_IGN,
        }
        files = [own if pipe == -1 else pipe for own, pipe in enumerate(pipes)]
        with _lock:
            self.pid = _nursery(needed).fork(order, files)
        self._child_created = True
        self._close_pipe_fds(*(by_name[name] for name in _PIPES))  # type: ignore[attr-defined]


_SIGNATURE: Final = inspect.signature(subprocess.Popen._execute_child)  # type: ignore[attr-defined]
_PIPES: Final = ("p2cread", "p2cwrite", "c2pread", "c2pwrite", "errread", "errwrite")


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    stdin: str | None = None,
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with variables besides those of this process."""
    pipe = subprocess.PIPE
    with Started(
        command,
        cwd=cwd,
        env=os.environ | environment,
        stdin=None if stdin is None else pipe,
        stdout=pipe,
        stderr=pipe,
        text=True,
    ) as process:
        try:
            printed, errors = process.communicate(stdin, timeout=PATIENCE)
        except subprocess.TimeoutExpired as error:
            raise AssertionError(f"{command} hangs: {_place(process)}") from error
        finally:
            process.kill()
    return subprocess.CompletedProcess(command, process.returncode, printed, errors)


def _place(process: subprocess.Popen[str]) -> str:
    """Return what a process that hangs says of where its threads are."""
    process.send_signal(_TELLING)
    try:
        return "".join(process.communicate(timeout=5))
    except subprocess.TimeoutExpired as error:
        return (error.stderr or b"nothing is said").decode(errors="replace")


class _Nursery:
    """The process that children are forked off, seen from the test's process."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _MOST_BYTES)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.forking", str(theirs.fileno()), *modules],
                cwd=_ROOT,
                env=_AT_FIRST,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        atexit.register(self.close)

    def fork(self, order: Mapping[str, object], files: Sequence[int]) -> int:
        """Have a child forked that carries out an order; return its pid.

        Args:
            order: its command, folder and environment, whether it ignores Ctrl-C, and whether it
                heeds the modes of files.
            files: what becomes its standard input, output and error.
        """
        _adopt(True)
        try:
            socket.send_fds(self._socket, [json.dumps(order).encode()], files)
            answer = self._socket.recv(32)
            assert answer, "the nursery ended, as told above"
            assert self._socket.recv(32) == b"adopted"
        finally:
            _adopt(False)
        return int(answer)

    def close(self) -> None:
        """End it; children live on."""
        self._socket.close()
        self._process.wait()


_nurseries: Final[dict[Sequence[str], _Nursery]] = {}
_lock: Final = threading.Lock()


def _nursery(modules: Sequence[str]) -> _Nursery:
    if modules not in _nurseries:
        _nurseries[modules] = _Nursery(modules)
    return _nurseries[modules]


def _needed(command: Sequence[str]) -> tuple[str, ...] | None:
    fitting = (
        needed for words, needed in _BY_COMMAND.items() if tuple(command[: len(words)]) == words
    )
    return next(fitting, None)


def _early(environment: Mapping[str, str]) -> dict[str, str]:
    return {
        name: text
        for name, text in environment.items()
        if name.startswith(_EARLY) and name != _UNBUFFERED
    }


def _can_adopt() -> bool:
    return sys.platform == "linux" and "COVERAGE_PROCESS_CONFIG" not in os.environ


def _adopt(yes: bool) -> None:
    """Take in the orphans among the descendants of this process, or no longer."""
    assert ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, int(yes), 0, 0, 0) == 0


# In the nursery


def _wait_for_an_order(orders: socket.socket) -> tuple[dict[str, Any], list[int]] | None:
    """Fork a child for each order; return the order in the child, and nothing at the end."""
    while True:
        text, files, _, _ = socket.recv_fds(orders, _MOST_BYTES, 3)
        if not text:
            return None
        # A child of a child that has ended goes to the test's process, which takes in orphans.
        between = os.fork()
        if between == 0:
            order = json.loads(text)
            if not order["deaf"]:
                signal.signal(signal.SIGINT, signal.default_int_handler)
            pid = os.fork()
            if pid == 0:
                return order, files
            orders.send(str(pid).encode())
            os._exit(0)
        os.waitpid(between, 0)
        orders.send(b"adopted")
        for each in files:
            os.close(each)


def _become(order: Mapping[str, Any], files: Sequence[int]) -> None:
    """Make this process what the system and Python make of a new one."""
    for number, file in enumerate(files):
        os.dup2(file, number)
    os.closerange(3, 1024)
    if order["obeying"]:
        _obey()
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    time.tzset()
    for file, name in enumerate(("stdin", "stdout", "stderr")):
        opened = _standard(file, getattr(sys, name), bool(os.environ.get(_UNBUFFERED)))
        setattr(sys, name, opened)
        setattr(sys, f"__{name}__", opened)


def _obey() -> None:
    """Give up the capabilities to pass over the modes of files, numbers 1 and 2."""
    libc = ctypes.CDLL(None, use_errno=True)
    header, held = struct.pack("Ii", 0x2008_0522, 0), ctypes.create_string_buffer(24)
    assert libc.capget(header, held) == 0, os.strerror(ctypes.get_errno())
    effective, permitted, inheritable, *others = struct.unpack("6I", held.raw)
    kept = [each & ~0b110 for each in (effective, permitted, inheritable)]
    assert libc.capset(header, struct.pack("6I", *kept, *others)) == 0, os.strerror(
        ctypes.get_errno()
    )


def _standard(file: int, before: io.TextIOWrapper, unbuffered: bool) -> io.TextIOWrapper:
    """Open a standard file as Python does at its start, with the encoding that it chose."""
    mode = "w" if file else "r"
    return io.TextIOWrapper(
        open(file, f"{mode}b", buffering=0 if unbuffered and file else -1, closefd=False),
        encoding=before.encoding,
        errors=before.errors,
        newline=None if mode == "r" else "\n",
        line_buffering=not unbuffered and (file == 2 or os.isatty(file)),
        write_through=unbuffered,
    )


class _Replaced(BaseException):
    """A program has let another take its place, which Python would import all anew for."""

    def __init__(self, _: str, command: list[str], environment: Mapping[str, str]) -> None:
        self.command = command
        self.environment = environment


def _replace(path: str, command: list[str], environment: Mapping[str, str]) -> NoReturn:
    """Take the place of `os.execve` for what would be a Python of ours."""
    if command[1] == "-P":
        raise _Replaced(path, command, environment)
    _execve(path, command, environment)


_execve: Final = os.execve


def _carry_out(command: Sequence[str]) -> None:
    """Run a command, and those that take its place."""
    following: _Replaced | None = None
    try:
        _run(command)
    except _Replaced as found:
        following = found
    if following is not None:
        os.environ.clear()
        os.environ.update(following.environment)
        if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        _carry_out(following.command)


def _run(command: Sequence[str]) -> None:
    """Run a script, a module or a program as an interpreter of its own does."""
    if command[1:2] == ["-c"]:
        sys.path[0] = ""
        sys.argv = ["-c", *command[3:]]
        sys.modules["__main__"] = program = types.ModuleType("__main__")
        exec(compile(command[2], "<string>", "exec"), program.__dict__)
    elif command[1:2] == ["-P"]:
        del sys.path[0]
        sys.argv = [*command[2:]]
        runpy.run_path(command[2], run_name="__main__")
    elif command[0] == sys.executable:
        sys.path[0] = str(Path.cwd())
        sys.argv = ["-m", *command[3:]]
        runpy.run_module(command[2], run_name="__main__", alter_sys=True)
    else:
        sys.path[0] = str(Path(command[0]).parent)
        sys.argv = [*command]
        runpy.run_path(command[0], run_name="__main__")


def main() -> None:
    """Import what children need, then fork one for each order until nobody sends any more."""
    # Ctrl-C is for the test's process, and for children that have no hands over it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    faulthandler.register(_TELLING)
    modules = sys.argv[2:]
    # What is frozen costs a child nothing at its end. DuckDB complains where that happens to it.
    frozen = modules.index(_COMPLAINING) if _COMPLAINING in modules else len(modules)
    for module in modules[:frozen]:
        import_module(module)
    gc.collect()
    gc.freeze()
    for module in modules[frozen:]:
        import_module(module)
    found = _wait_for_an_order(socket.socket(fileno=int(sys.argv[1])))
    if found is not None:
        order, files = found
        _become(order, files)
        os.execve = _replace  # type: ignore[assignment]
        _carry_out(order["command"])


if __name__ == "__main__":
    main()
