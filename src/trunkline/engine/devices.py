"""The devices that register with us, beyond the life of a process: what the registrar binds is written a second later,
off the calls' way, and read at the next start."""

from __future__ import annotations

import asyncio
import logging
from time import monotonic

from msgspec import structs

from trunkline.engine.engine import Engine
from trunkline.model.binding import Binding
from trunkline.registrar.bindings import Bindings
from trunkline.store.database.errors import StoreError
from trunkline.store.store import Store

_log = logging.getLogger("trunkline.engine")
_EVERY = 1.0


async def load_devices(store: Store, engine: Engine) -> None:
    """Those that registered in an earlier life. Raises `StoreError`."""
    async with store.read() as unit:
        kept = await unit.bindings.all()
    registrar = engine.core.registrar
    registrar.load([_reachable(engine, binding) for binding in kept], monotonic())
    held = {(binding.trunk_id, binding.key) for binding in registrar.bindings.all()}
    gone: dict[tuple[str, str], Binding | None] = {}
    for binding in kept:
        if (binding.trunk_id, binding.key) not in held:
            gone[binding.trunk_id, binding.key] = None
    registrar.bindings.give_back(gone)
    engine.pump.start()
    if held:
        _log.info("%d devices that registered before are known again", len(held))


async def keep_devices(store: Store, bindings: Bindings) -> None:
    """Without end. What the database does not take is tried again."""
    while True:
        await asyncio.sleep(_EVERY)
        try:
            await write_devices(store, bindings)
        except StoreError as error:
            _log.warning("the registrations of devices cannot be written: %s", error)


async def write_devices(store: Store, bindings: Bindings) -> None:
    """What has changed since the last time. Raises `StoreError`, and it is kept for the next."""
    changed = bindings.take()
    if not changed:
        return
    try:
        async with store.write() as unit:
            await unit.bindings.change(changed)
    except BaseException:
        bindings.give_back(changed)
        raise


def _reachable(engine: Engine, binding: Binding) -> Binding:
    """The binding as it can be reached now: a UDP address that is not listened on any more gives way to another."""
    flow = binding.flow
    if flow.transport != "udp" or ("udp", flow.local) in engine.advertised:
        return binding
    other = engine.transports.flow_to("udp", flow.remote)
    return binding if other is None else structs.replace(binding, flow=other)
