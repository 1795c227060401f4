"""The encoding of the text of a file: named by the user, or judged once by a piece of it."""

import codecs
from collections.abc import Iterator
from typing import Final

from charset_normalizer import from_bytes

# What is judged of a file, from its first byte that is no UTF-8.
JUDGED_BYTES: Final = 32 * 1024
_UTF_8_NAMES: Final = ("utf-8", "utf-8-sig")
# Those that logs are written in; of all that a library knows, rare ones would win short texts.
_USUAL: Final = (
    "cp1252",
    "cp1250",
    "cp1251",
    "koi8_r",
    "cp866",
    "cp1253",
    "cp1254",
    "cp1255",
    "cp932",
    "euc_jp",
    "gb18030",
    "big5",
    "cp949",
    "cp850",
    "iso8859_2",
)
_WESTERN: Final = "cp1252"
_CENTRAL: Final = "cp1250"
# Fewer foreign bytes than this tell no language. They may be UTF-8 that was cut, which begins with
# the bytes of Â and Ã, or damage.
_FEW: Final = 4
_WESTERN_LETTERS: Final = frozenset(
    "ÀÁÄÅÆÇÈÉÊËÍÎÏÑÓÔÖØÙÚÛÜßàáâãäåæçèéêëìíîïñòóôõöøùúûü°§€£«»²³µ\u2013\u2014\u2018\u2019\u201c\u201d"
)
_ASCII: Final = bytes(range(128))
_SHIFTED: Final = b"\x1b$B!!\x1b(B"  # ASCII, but of ISO 2022


class TextEncoding:
    """Turns the lines of one file into text; what cannot be read stays, as escapes.

    Lines are told apart by their bytes, so that ids and offsets are the same in any encoding.
    """

    def __init__(self, name: str | None = None) -> None:
        """Take the encoding that the user names; without one, UTF-8 until a piece is judged.

        Args:
            name: of an encoding in which ASCII is itself; see `named_encoding`.
        """
        self.judged: str | None = None
        """The encoding of lines that are no UTF-8, once judged."""
        self._named = None if name in _UTF_8_NAMES else name
        self._is_decided = name is not None
        self._has_utf_8 = False
        self._utf_8 = codecs.getincrementaldecoder("utf-8")()

    @property
    def is_utf_8(self) -> bool:
        """Whether lines stand in UTF-8 as they are."""
        return self._named is None and self.judged is None

    def decide(self, judged: str | None) -> None:
        """Take what was judged of the file before."""
        if not self._is_decided:
            self._is_decided = judged is not None
            self.judged = judged

    def judging(self, chunks: Iterator[bytes | None]) -> Iterator[bytes | None]:
        """Pass the bytes of the file on, and judge it by them, once and for all, before its lines.

        Args:
            chunks: as they come; None each time they fall silent, which ends the piece to judge.
        """
        for chunk in chunks:
            if self._is_decided:
                yield chunk
                break
            if chunk is None or (broken := self._from_broken(chunk)) is None:
                yield chunk
                continue
            held: list[bytes | None] = [chunk]
            while len(broken) < JUDGED_BYTES and (more := next(chunks, None)) is not None:
                held.append(more)
                broken += more
            self._is_decided = True
            self.judged = None if self._has_utf_8 else _judge(_whole_lines(broken))
            yield from held
            if len(broken) < JUDGED_BYTES:
                yield None
            break
        yield from chunks

    def _from_broken(self, chunk: bytes) -> bytes | None:
        """Return what begins with the first byte that is no UTF-8; None if there is none yet."""
        try:
            text = self._utf_8.decode(chunk)
        except UnicodeDecodeError as error:
            self._has_utf_8 |= not error.object[: error.start].isascii()
            return bytes(error.object[error.start :])
        self._has_utf_8 |= not text.isascii()
        return None

    def text(self, line: bytes) -> str:
        """Return the text of a line."""
        if self._named is not None:
            return line.decode(self._named, "backslashreplace")
        if self.judged is None:
            return line.decode(errors="backslashreplace")
        try:
            return line.decode()
        except UnicodeDecodeError:
            return line.decode(self.judged, "backslashreplace")

    def utf_8(self, line: bytes) -> bytes:
        """Return a line as UTF-8; one that is UTF-8 already may have broken bytes still."""
        if self.is_utf_8 or line.isascii():
            return line
        return self.text(line).encode(errors="backslashreplace")


def named_encoding(name: str) -> str:
    """Return Python's name of an encoding.

    Raises:
        LookupError: there is no such encoding of texts.
    """
    try:
        _ASCII.decode(name, "replace")
        return codecs.lookup(name).name
    except ValueError as error:  # a name with a NUL, or bytes that it cannot replace
        raise LookupError(name) from error


def keeps_ascii(encoding: str) -> bool:
    """Return whether ASCII is itself in an encoding, so that its lines are told by their bytes."""
    try:
        return (_ASCII + _SHIFTED).decode(encoding).encode() == _ASCII + _SHIFTED
    except UnicodeError:
        return False


def _whole_lines(broken: bytes) -> bytes:
    piece = broken[:JUDGED_BYTES]
    # A character of several bytes may be cut at the end.
    return piece if len(piece) < JUDGED_BYTES else piece[: piece.rfind(b"\n")]


def _judge(piece: bytes) -> str | None:
    """Return the encoding of a piece that is no UTF-8; None if it is UTF-8 with broken bytes."""
    text = piece.decode(errors="surrogateescape")
    broken = sum("\udc80" <= character <= "\udcff" for character in text)
    whole = sum(character > "\x7f" for character in text) - broken
    if whole >= broken:
        return None
    if broken < _FEW:
        western = piece.decode(_WESTERN, "replace")
        is_western = all(letter.isascii() or letter in _WESTERN_LETTERS for letter in western)
        return _WESTERN if is_western else None
    foreign = b"\n".join(line for line in piece.split(b"\n") if not line.isascii())
    found = from_bytes(foreign, cp_isolation=list(_USUAL), preemptive_behaviour=False)
    best = found.best()
    if best is None:
        return None
    # What both may be is the west's, of which there is more.
    possible = {*best.could_be_from_charset, *(match.encoding for match in found)}
    return _WESTERN if best.encoding == _CENTRAL and _WESTERN in possible else best.encoding
