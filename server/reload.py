"""Settings that a running server takes over from its file, and those for which it must restart."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from waterline.settings.model import Settings, setting_names

RELOADED: Final = frozenset(
    {
        *("token_connections", "token_rate", "allowed_origins", "tls_cert", "tls_key"),
        *("archive_after", "archive_every", "archive_format", "archive_batch_rows"),
        *("archive_level", "archive_dest", "node_name", "archive_keep_local"),
        *("backup_to", "backup_every", "backup_keep"),
    }
)
"""Settings that take effect without a restart, besides tokens, certificates and alerts."""


@dataclass(frozen=True, slots=True)
class Reload:
    """What a reload makes of the settings."""

    settings: Settings
    """Those that are in force from now on."""
    changed: tuple[str, ...]
    """Names of those that take effect."""
    waiting: tuple[str, ...]
    """Names of those that changed and take effect with a restart."""


def plan_reload(old: Settings, new: Settings) -> Reload:
    """Return what becomes of the settings in force.

    Args:
        old: the settings in force.
        new: as they are read now.
    """
    different = [name for name in setting_names() if getattr(old, name) != getattr(new, name)]
    changes: Mapping[str, Any] = {
        name: getattr(new, name) for name in different if name in RELOADED
    }
    # With or without TLS at all is a matter of the sockets and of every address that is told.
    if (old.tls_cert is None) != (new.tls_cert is None):
        changes = {name: value for name, value in changes.items() if not name.startswith("tls_")}
    waiting = tuple(name for name in different if name not in changes)
    return Reload(replace(old, **changes), tuple(changes), waiting)
