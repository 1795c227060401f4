"""Text without control or bidirectional characters, safe for terminals."""


def printable(text: str, keep: str = "") -> str:
    """Return a text that is safe to print.

    Control characters (C0, C1, ESC), bidirectional ones and invisible ones become U+FFFD.

    Args:
        text: any text.
        keep: characters that stay, such as a line feed.
    """
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() or each in keep else "\N{REPLACEMENT CHARACTER}" for each in text
    )


def printable_json(lines: bytes) -> bytes:
    r"""Return equivalent lines of JSON that are safe to print, with `\u009b` for U+009B."""
    if lines.isascii() and b"\x7f" not in lines:
        return lines  # JSON has escapes for all characters below a space
    texts = lines.decode(errors="replace").split("\n")
    return "\n".join(each if each.isprintable() else _escaped(each) for each in texts).encode()


def _escaped(line: str) -> str:
    return "".join(each if each.isprintable() else _escape(each) for each in line)


def _escape(character: str) -> str:
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))
