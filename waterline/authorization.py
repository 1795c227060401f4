"""Header Authorization: the token in it."""

import base64


def token_of(header: str) -> str | None:
    """Return the token in a header Authorization, None if it has none.

    It is all of Bearer (RFC 6750), and the password of Basic (RFC 7617).
    """
    scheme, _, value = header.partition(" ")
    match scheme.lower():
        case "bearer":
            return value.strip() or None
        case "basic":
            return password_of(value.strip())
    return None


def password_of(value: str) -> str | None:
    """Return what follows the colon in base64, None if nothing does."""
    try:
        decoded = base64.b64decode(value, validate=True).decode()
    except ValueError:
        return None
    return decoded.partition(":")[2] or None
