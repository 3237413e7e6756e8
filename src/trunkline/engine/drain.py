"""The end of an edge: new calls are refused and our registrations taken back, live calls go on until they end or the
limit comes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from time import monotonic

from trunkline.call.inputs import HangUp
from trunkline.engine.engine import Engine

_log = logging.getLogger("trunkline.engine")
_STEP = 0.1
_LAST_WORDS = 4.0
"""Seconds in which a peer may answer its BYE: three retransmissions of it at the usual T1."""
_HASTY_WORDS = 0.5
_LINGER = 0.1
"""Seconds in which the last answers leave, and the repeats of what they answer are met."""


async def drain(engine: Engine, limit: float, impatient: asyncio.Event) -> None:
    """Until no call is left; after `limit` seconds, or at once when `impatient`, they are ended with BYE."""
    calls, legs = engine.core.calls, engine.core.legs
    engine.drain(True)
    if calls:
        _log.info("draining: no new calls; %d go on, for %g s at most", len(calls), limit)
    end = monotonic() + limit
    while calls and monotonic() < end and not impatient.is_set():
        await _pause(impatient, min(_STEP, max(0.0, end - monotonic())))
    if calls:
        _log.warning("%d calls are ended: %s", len(calls), "asked to" if impatient.is_set() else "the limit has come")
    for call in tuple(calls):
        engine.pump.give(HangUp(call, "drain-limit", 503))
    end = monotonic() + (_HASTY_WORDS if impatient.is_set() else _LAST_WORDS)
    leaving = engine.core.registering
    while (legs or leaving.leaving) and monotonic() < end:
        await _pause(impatient, _STEP)
        if impatient.is_set():
            end = min(end, monotonic() + _HASTY_WORDS)
            await asyncio.sleep(_STEP)
    await asyncio.sleep(_LINGER)


async def _pause(impatient: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(impatient.wait(), seconds)
