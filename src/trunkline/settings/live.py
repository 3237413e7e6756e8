"""Which settings a running edge takes over when its file is read again, and which take a restart."""

from __future__ import annotations

from typing import Any, NamedTuple

from msgspec import structs

from trunkline.settings.read import changed
from trunkline.settings.tree import Section, Settings

LIVE = (
    "log.",
    "trace.",
    "sip.overload.",
    "sip.abuse.",
    "sip.registrar.",
    "identity.",
    "sip.domain",
    "sip.unknown_sources",
    "sip.max_calls",
    "sip.source_calls_per_second",
    "sip.drain_limit",
    "sip.attempt_timeout",
    "sip.mtu",
    "media.external_address",
    "media.silence_timeout",
    "store.records_kept_days",
)
"""Settings, and with a dot at the end whole tables, that hold at once."""


class Reread(NamedTuple):
    settings: Settings
    """What holds from now on: the live ones as they are wanted, the others as they were."""
    taken: list[str]
    left: list[str]
    """What takes a restart."""


def reread(now: Settings, wanted: Settings) -> Reread:
    """What comes of `wanted` in an edge that runs with `now`."""
    names = changed(now, wanted)
    taken = [name for name in names if name.startswith(LIVE)]
    return Reread(_with(now, wanted, taken), taken, [name for name in names if name not in taken])


def _with(now: Any, wanted: Any, names: list[str]) -> Any:
    """`now` with these settings of `wanted`."""
    changes: dict[str, Any] = {}
    for name in names:
        head, _, rest = name.partition(".")
        if isinstance(getattr(now, head), Section):
            changes[head] = _with(changes.get(head, getattr(now, head)), getattr(wanted, head), [rest])
        else:
            changes[head] = getattr(wanted, head)
    return structs.replace(now, **changes)
