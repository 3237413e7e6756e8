"""What an earlier life of this edge left open: each dialog gets its BYE, and only when it has had it is it forgotten.

A process that is killed again meanwhile leaves them to the next one: a second BYE harms nobody, a missing one leaves a
call that is billed for hours.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic

from msgspec import structs

from trunkline.call.inputs import Interrupted
from trunkline.engine.engine import Engine
from trunkline.model.journal import DialogState

_AT_ONCE = 100
_GAP = 0.02
"""Seconds between batches: five thousand BYEs a second are no burst that a peer drops."""
_STEP = 0.1
_LOOKUPS = 10.0
"""Seconds beyond a transaction's life, for names that must be looked up and connections that must be made."""


async def end_interrupted(engine: Engine, dialogs: Sequence[DialogState]) -> bool:
    """Send every dialog its BYE; returns when all were answered or given up. False: some still wait after the longest
    time that this may take."""
    for trunk in engine.core.arrival.table.trunks.values():
        engine.transports.remember(trunk.tls)
    for start in range(0, len(dialogs), _AT_ONCE):
        for dialog in dialogs[start : start + _AT_ONCE]:
            engine.pump.give(Interrupted(_reachable(engine, dialog)))
        await asyncio.sleep(_GAP)
    end = monotonic() + engine.core.ua.layer.timing.patience + _LOOKUPS
    while engine.core.farewells:
        if monotonic() > end:
            return False
        await asyncio.sleep(_STEP)
    return True


def _reachable(engine: Engine, dialog: DialogState) -> DialogState:
    """The dialog as its peer can be reached now: a UDP address that is not listened on any more gives way to another.
    What came by TCP or TLS is found anew by the core."""
    flow = dialog.flow
    if flow.transport != "udp" or ("udp", flow.local) in engine.advertised:
        return dialog
    other = engine.transports.flow_to("udp", flow.remote)
    return dialog if other is None else structs.replace(dialog, flow=other)
