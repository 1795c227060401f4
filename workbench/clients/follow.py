"""Follows log files as they are written, for `waterline send --follow`."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from waterline.errors import DeliveryError, UsageError
from workbench.clients.log_files.followed import FollowedFile
from workbench.clients.log_files.line_reader import EncodedLine, Reading
from workbench.clients.log_files.reader import read_encoded
from workbench.clients.log_files.rotation import rotations_of
from workbench.clients.log_files.selection import STANDARD_INPUT, select
from workbench.clients.log_files.unpacking import as_text, is_packed
from workbench.clients.positions import BEGIN_BYTES, Identity, Kept, Position, Positions
from workbench.clients.send import Sender, SendSummary

# Seconds between two looks at files that are silent.
POLL_SECONDS: Final = 0.25
# Seconds between two looks into folders, and for what patterns are like.
SEARCH_SECONDS: Final = 5.0
# Seconds of silence after which a file that has lost its name is closed: whoever writes it is told
# to open the new one only after it was renamed.
FAREWELL_SECONDS: Final = 5.0
KEEP_SECONDS: Final = 1.0


def follow_files(
    names: Sequence[str],
    *,
    url: str,
    token: str,
    reading: Reading,
    patience: float,
    state: Path,
    tell: Callable[[str], None],
) -> SendSummary:
    """Send files and what is written to them, until Ctrl-C or a failure.

    Args:
        names: paths of files, which need not exist yet, and folders, or patterns.
        url: the server's ingest address.
        token: a token with the scope `ingest`.
        reading: how to read the lines.
        patience: seconds without an answer after which it gives up.
        state: the folder in which positions are kept.
        tell: is given sentences about what happens to the files.

    Raises:
        TokenError: the server does not accept the token.
        UsageError: positions cannot be kept, or a name is that of standard input.
    """
    if STANDARD_INPUT in names:
        raise UsageError("standard input is read until it ends anyway; leave out --follow")
    with closing(Positions(state, url.partition("?")[0])) as positions:
        sender = Sender(url, token, patience)
        follower = _Follower(names, reading, sender, positions, tell)
        try:
            follower.run()
        except DeliveryError as error:
            sender.summary.failures.append(str(error))
        except KeyboardInterrupt:
            sender.summary.interrupt()
        finally:
            sender.close()
            follower.close()
        return sender.summary


class _Follower:
    """Reads files by what they are, whatever they are called meanwhile."""

    def __init__(
        self,
        names: Sequence[str],
        reading: Reading,
        sender: Sender,
        positions: Positions,
        tell: Callable[[str], None],
    ) -> None:
        self._names = names
        self._reading = reading
        self._sender = sender
        self._positions = positions
        self._tell = tell
        self._told: set[str] = set()
        self._search_due = 0.0
        self._keep_due = 0.0
        self._paths: list[Path] = []
        self._found: dict[Path, Identity] = {}  # the file that each path named last
        self._files: dict[Identity, FollowedFile] = {}
        self._followed: dict[Identity, Path] = {}  # the path that each file is or was known by
        self._refused: set[Identity] = set()
        self._before: dict[Path, Identity] = {}  # the file that a path named, once it is renamed
        self._caught_up: set[Path] = set()
        # Positions that count once so many logs are answered, in order.
        self._awaited: deque[tuple[int, Kept]] = deque()
        self._last: dict[Identity, Kept] = {}

    def run(self) -> None:
        """Follow until something is raised."""
        delivery = self._sender.delivery
        while True:
            self._search()
            for path in self._paths:
                self._look(path)
            before = delivery.counts.sent
            for file in list(self._files.values()):
                self._advance(file)
            self._keep()
            if delivery.failure is not None:
                raise delivery.failure
            if delivery.counts.sent == before:
                time.sleep(POLL_SECONDS)

    def close(self) -> None:
        """Keep what is acked, and close all files."""
        self._keep()
        for file in self._files.values():
            file.close()

    def _search(self) -> None:
        """Find the files that are named, every now and then."""
        if time.monotonic() < self._search_due:
            return
        selection = select(self._names)
        for failure in selection.failures:
            self._tell_once(f"{failure} yet; waiting for one")
        known = set(self._paths)
        self._paths += [path for path in map(_absolute, selection.names) if path not in known]
        self._search_due = time.monotonic() + SEARCH_SECONDS

    def _look(self, path: Path) -> None:
        """See which file a path names now, and open one that is new."""
        try:
            status = path.stat()
        except FileNotFoundError:
            identity = None
        except OSError as error:
            self._tell_once(f"{path} cannot be read: {error.strerror}; trying again")
            return
        else:
            identity = (status.st_dev, status.st_ino)
        known = self._found.get(path)
        if known is not None and known == identity:
            return
        if path not in self._caught_up:
            self._caught_up.add(path)
            self._catch_up(path, identity)
            if identity is None:
                self._tell_once(f"{path} does not exist yet; waiting for it")
        if known is not None:
            self._before[path] = known
            if known in self._files:
                self._advance(self._files[known])  # to its end, before the new one
        if identity is None:
            self._found.pop(path, None)
            return
        if path in self._before:
            self._send_rotations_since(self._before.pop(path), path)
        self._found[path] = identity
        if identity in self._files or identity in self._refused:
            return
        if (file := self._open(path, path, self._positions.of(identity))) is not None:
            self._found[path] = file.identity
            self._advance(file)
        elif self._found[path] not in self._files:
            del self._found[path]

    def _open(self, path: Path, followed: Path, position: Position | None) -> FollowedFile | None:
        """Open a file, unless it cannot be or is open already.

        Args:
            path: of the file.
            followed: the path that it is or was known by.
            position: where to begin, if it fits.
        """
        try:
            file = FollowedFile(path, self._reading, position)
        except OSError as error:
            if not isinstance(error, FileNotFoundError):
                self._tell_once(f"{path} cannot be read: {error.strerror}; trying again")
            return None
        if file.identity in self._files:
            file.close()
            return None
        self._files[file.identity] = file
        self._followed[file.identity] = followed
        # After a crash it must be known that there is something to send.
        file.has_changed()
        self._await_position(file)
        return file

    def _catch_up(self, path: Path, identity: Identity | None) -> None:
        """Send what was written and rotated away since this path was followed the last time."""
        kept = [each for each in self._positions.unfinished(path) if each.identity != identity]
        if not kept or not path.parent.is_dir():
            return
        rotations = rotations_of(path)
        matches = [
            at
            for at, rotation in enumerate(rotations)
            if any(_is_file_of(each, rotation) for each in kept)
        ]
        for rotation in rotations[matches[0] :] if matches else ():
            self._send_rotation(rotation, path, kept)
        for each in kept:
            if matches and each.identity not in self._files:
                self._await(each.identity, path, each.position, finished=True)

    def _send_rotations_since(self, identity: Identity, path: Path) -> None:
        """Send what was rotated away after a file, too fast to be seen under its first name."""
        rotations = rotations_of(path)
        for at, rotation in enumerate(rotations):
            if _identity(rotation) == identity:
                for newer in rotations[at + 1 :]:
                    self._send_rotation(newer, path, ())
                return

    def _send_rotation(self, path: Path, followed: Path, kept: Iterable[Kept]) -> None:
        try:
            with path.open("rb") as stream:
                status = path.stat()
                if is_packed(stream.read(BEGIN_BYTES)):
                    stream.seek(0)
                    written = datetime.fromtimestamp(status.st_mtime, UTC)
                    lines = read_encoded(
                        stream, name=str(path), reading=self._reading, reference=written
                    )
                    self._send(path, lines)
                    return
            identity = (status.st_dev, status.st_ino)
            position = self._positions.of(identity)
            if position is None:
                position = next((e.position for e in kept if _is_file_of(e, path)), None)
            if identity not in self._files and (file := self._open(path, followed, position)):
                self._advance(file)
        except (OSError, UsageError) as error:
            self._tell_once(f"{path} could not be sent: {error}")

    def _advance(self, file: FollowedFile) -> None:
        """Send what was written to a file up to now; see whether it ends here."""
        if file.has_changed():
            self._begin_anew(file)
            return
        size = file.size
        try:
            while True:
                self._send(file.path, file.read())
                self._await_position(file)
                self._keep()
                if file.at_end or file.position.offset >= size:
                    break
            if file.identity not in self._found.values() and (
                file.silent_seconds > FAREWELL_SECONDS
            ):
                self._send(file.path, file.rest())
                self._close(file, finished=True)
        except UsageError as error:
            self._tell_once(str(error))
            self._refused.add(file.identity)
            self._close(file, finished=False)

    def _begin_anew(self, file: FollowedFile) -> None:
        """Read a file from its start that was truncated; a copy of it may have its rest."""
        self._tell(f"{file.path} was truncated; what is in it now is read from its start")
        position = file.position
        copy = next(
            (
                each
                for each in rotations_of(file.path)
                if _is_file_of(Kept(file.identity, file.path, position, finished=False), each)
            ),
            None,
        )
        if copy is None:
            self._send(file.path, file.held())
        del self._files[file.identity]
        file.close()
        followed = self._followed[file.identity]
        if copy is not None and (rest := self._open(copy, followed, position)):
            self._advance(rest)
        self._open(file.path, followed, None)

    def _send(self, path: Path, lines: Iterator[EncodedLine]) -> None:
        name = str(path)
        for line in lines:
            self._sender.send_line(name, line)

    def _close(self, file: FollowedFile, *, finished: bool) -> None:
        self._await_position(file, finished=finished)
        self._files.pop(file.identity, None)
        file.close()

    def _await_position(self, file: FollowedFile, *, finished: bool = False) -> None:
        followed = self._followed[file.identity]
        self._await(file.identity, followed, file.position, finished=finished)

    def _await(self, identity: Identity, path: Path, position: Position, *, finished: bool) -> None:
        """Have a position kept as soon as all logs that were sent are answered."""
        kept = Kept(identity, path, position, finished)
        if self._last.get(identity) != kept:
            self._last[identity] = kept
            self._awaited.append((self._sender.delivery.counts.sent, kept))

    def _keep(self) -> None:
        """Keep the positions up to which all is answered."""
        counts = self._sender.delivery.counts
        if not self._awaited or (counts.waiting and time.monotonic() < self._keep_due):
            return
        answered = counts.sent - counts.waiting
        ready: dict[Identity, Kept] = {}
        while self._awaited and self._awaited[0][0] <= answered:
            _, kept = self._awaited.popleft()
            ready[kept.identity] = kept
        if ready:
            self._positions.keep(ready.values())
        self._keep_due = time.monotonic() + KEEP_SECONDS

    def _tell_once(self, sentence: str) -> None:
        if sentence not in self._told:
            self._told.add(sentence)
            self._tell(sentence)


def _absolute(name: str) -> Path:
    """Return the path from the root; its last part may be a link to the log of the day."""
    return Path(name).absolute()


def _identity(path: Path) -> Identity | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _is_file_of(kept: Kept, path: Path) -> bool:
    """Return whether a file is the one that is kept, under another name, copied or packed."""
    try:
        status = path.stat()
        with path.open("rb") as stream:
            begin = stream.read(BEGIN_BYTES)
            packed = is_packed(begin)
            if packed:
                stream.seek(0)
                begin = as_text(stream, str(path)).read(BEGIN_BYTES)
    except (OSError, UsageError):
        return False
    same = (status.st_dev, status.st_ino) == kept.identity
    return kept.position.fits(begin) and (same or packed or status.st_size >= kept.position.offset)
