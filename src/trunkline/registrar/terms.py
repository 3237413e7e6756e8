"""What a registrar lets registrations ask for."""

from __future__ import annotations

import msgspec


class Terms(msgspec.Struct, frozen=True, kw_only=True):
    """What a registration may ask for, in seconds, and is asked for."""

    shortest: int = 60
    usual: int = 3600
    longest: int = 86_400
    contacts: int = 10
    """Bindings of one trunk."""
    algorithms: tuple[str, ...] = ("MD5",)
    """What devices are challenged with, the preferred first. Of the phones that know MD5 alone, some give up when they
    are shown another, even beside it."""
