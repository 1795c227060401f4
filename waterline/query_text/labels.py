"""Labels: the values of attributes as texts that logs are grouped by."""

import msgspec


def label_of(value: object) -> str:
    """Return a value of JSON as a text: a text itself, else its JSON."""
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()
