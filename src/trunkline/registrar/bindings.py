"""The location service (RFC 3261 §10.3): which devices of which trunk are reached where, until when.

A REGISTER changes all that it names or nothing. One of a Call-ID that is older than what is held is refused, and so is
a time that is too short; a time that is too long is cut. A device with an instance and a flow number has one binding
for them, whatever its Contact says (RFC 5626 §6), and its newest flow is the one that counts. Who registers more than
a trunk may hold loses what would have gone first. Times are Unix seconds, because bindings survive a restart.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from msgspec import structs

from trunkline.model.binding import Binding
from trunkline.registrar.terms import Terms
from trunkline.sip.flow import Flow
from trunkline.sip.timers import Alarms
from trunkline.sip.uri import Uri

_PORTS: Final = {"sips": 5061, "tls": 5061}
_COMPARED: Final = ("user", "ttl", "method", "maddr")


class Wish(NamedTuple):
    """One Contact of a REGISTER."""

    uri: Uri
    text: str
    """The URI as written."""
    expires: int | None
    """None: as the registrar likes."""
    q: float = 1.0
    instance: str = ""
    reg_id: int = 0


class Asking(NamedTuple):
    """What is the same for all Contacts of a REGISTER."""

    call_id: str
    cseq: int
    flow: Flow
    again: bool = False
    nat: bool = False
    path: tuple[str, ...] = ()
    user_agent: str = ""


class TooBrief(NamedTuple):
    """423: nothing was changed."""


class OutOfOrder(NamedTuple):
    """500: a later REGISTER of the same Call-ID was taken already; nothing was changed."""


class Change(NamedTuple):
    binding: Binding
    what: str
    """`new`, `refreshed`, `gone`, `expired`, `lost` or `crowded`."""


Changes = list[Change]
Key = tuple[str, str]
"""Trunk and key of a binding."""


class Bindings:
    """Those of all trunks."""

    __slots__ = ("_alarms", "_by_trunk", "_changed", "flows", "terms")

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.flows: dict[Flow, dict[str, int]] = {}
        """By flow, how many bindings of which trunks are reached over it."""
        self._by_trunk: dict[str, dict[str, Binding]] = {}
        self._alarms: Alarms[Key] = Alarms()
        self._changed: dict[Key, Binding | None] = {}

    def __len__(self) -> int:
        return sum(map(len, self._by_trunk.values()))

    def of(self, trunk_id: str) -> tuple[Binding, ...]:
        """Those of a trunk, in the order they are called: by preference, of equal ones the newest first."""
        found = list(self._by_trunk.get(trunk_id, {}).values())
        found.sort(key=lambda binding: (-binding.q, -binding.expires_at))
        return tuple(found)

    def find(self, trunk_id: str, key: str) -> Binding | None:
        return self._by_trunk.get(trunk_id, {}).get(key)

    def all(self) -> Iterable[Binding]:
        for held in self._by_trunk.values():
            yield from held.values()

    # ── REGISTER ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def register(
        self, trunk_id: str, wishes: Iterable[Wish], asking: Asking, now: float
    ) -> Changes | TooBrief | OutOfOrder:
        """Bind, refresh and release what is wished."""
        terms, held = self.terms, self._by_trunk.get(trunk_id, {})
        wanted: list[tuple[str, Wish, int]] = []
        for wish in wishes:
            expires = terms.usual if wish.expires is None else min(wish.expires, terms.longest)
            if 0 < expires < terms.shortest:
                return TooBrief()
            key = key_of(wish)
            if _late(held.get(key), asking):
                return OutOfOrder()
            wanted.append((key, wish, expires))
        changes: Changes = []
        for key, wish, expires in wanted:
            if expires:
                changes += self._bind(trunk_id, key, wish, asking, now + expires, now)
            else:
                changes += self._release(trunk_id, key, "gone")
        return changes

    def clear(self, trunk_id: str, asking: Asking) -> Changes | OutOfOrder:
        """`Contact: *`: release all."""
        held = self._by_trunk.get(trunk_id, {})
        if any(_late(binding, asking) for binding in held.values()):
            return OutOfOrder()
        return [change for key in list(held) for change in self._release(trunk_id, key, "gone")]

    def _bind(self, trunk_id: str, key: str, wish: Wish, asking: Asking, until: float, now: float) -> Changes:
        held = self._by_trunk.setdefault(trunk_id, {})
        old = held.get(key)
        changes: Changes = []
        if old is None and len(held) >= self.terms.contacts:
            first = min(held.values(), key=lambda binding: binding.expires_at)
            changes += self._release(trunk_id, first.key, "crowded")
            held = self._by_trunk.setdefault(trunk_id, {})
        binding = Binding(
            trunk_id=trunk_id,
            key=key,
            contact=wish.text,
            call_id=asking.call_id,
            cseq=asking.cseq,
            q=wish.q,
            expires_at=until,
            flow=asking.flow,
            again=asking.again,
            nat=asking.nat,
            path=asking.path,
            instance=wish.instance,
            reg_id=wish.reg_id,
            user_agent=asking.user_agent,
            registered_at=old.registered_at if old is not None else now,
        )
        self._put(binding)
        changes.append(Change(binding, "new" if old is None else "refreshed"))
        return changes

    # ── time, and what else ends them ─────────────────────────────────────────────────────────────────────────────────

    def deadline(self) -> float:
        return self._alarms.deadline()

    def expire(self, now: float) -> Changes:
        return [change for key in self._alarms.expire(now) for change in self._release(*key, "expired")]

    def closed(self, flow: Flow) -> Changes:
        """A connection is gone. Who named an address of its own there is tried at that; the others must come again."""
        changes: Changes = []
        for trunk_id in list(self.flows.get(flow, ())):
            for binding in list(self._by_trunk[trunk_id].values()):
                if binding.flow != flow:
                    continue
                if binding.again:
                    self._put(structs.replace(binding, flow=flow._replace(connection="")))
                else:
                    changes += self._release(trunk_id, binding.key, "lost")
        return changes

    def forget(self, trunk_id: str) -> Changes:
        """The trunk takes no registrations any more."""
        held = self._by_trunk.get(trunk_id, {})
        return [change for key in list(held) for change in self._release(trunk_id, key, "gone")]

    # ── what is kept ──────────────────────────────────────────────────────────────────────────────────────────────────

    def load(self, binding: Binding) -> None:
        """One of an earlier process, unless its device has come again already."""
        if binding.key not in self._by_trunk.get(binding.trunk_id, {}):
            self._put(binding)
            self._changed.pop((binding.trunk_id, binding.key), None)

    def take(self) -> dict[Key, Binding | None]:
        """What has changed since the last time; None for what is gone."""
        changed, self._changed = self._changed, {}
        return changed

    def give_back(self, changed: dict[Key, Binding | None]) -> None:
        """What was taken could not be written: it is taken again, but for what has changed anew."""
        self._changed = {**changed, **self._changed}

    def _put(self, binding: Binding) -> None:
        key = (binding.trunk_id, binding.key)
        held = self._by_trunk.setdefault(binding.trunk_id, {})
        self._leave(held.get(binding.key))
        held[binding.key] = binding
        there = self.flows.setdefault(binding.flow, {})
        there[binding.trunk_id] = there.get(binding.trunk_id, 0) + 1
        self._alarms.set(key, binding.expires_at)
        self._changed[key] = binding

    def _release(self, trunk_id: str, key: str, what: str) -> Changes:
        held = self._by_trunk.get(trunk_id, {})
        binding = held.pop(key, None)
        if binding is None:
            return []
        self._leave(binding)
        if not held:
            del self._by_trunk[trunk_id]
        self._alarms.clear((trunk_id, key))
        self._changed[trunk_id, key] = None
        return [Change(binding, what)]

    def _leave(self, binding: Binding | None) -> None:
        if binding is None:
            return
        there = self.flows[binding.flow]
        there[binding.trunk_id] -= 1
        if not there[binding.trunk_id]:
            del there[binding.trunk_id]
            if not there:
                del self.flows[binding.flow]


def key_of(wish: Wish) -> str:
    """What makes a Contact the same as another (RFC 3261 §19.1.4, for what Contacts hold; RFC 5626 §6)."""
    if wish.instance and wish.reg_id:
        return f"{wish.instance};reg-id={wish.reg_id}"
    uri = wish.uri
    transport = uri.transport or ("tls" if uri.scheme == "sips" else "udp")
    port = uri.port or _PORTS.get(uri.scheme) or _PORTS.get(transport, 5060)
    compared = "".join([f";{name}={uri.param(name)}" for name in _COMPARED if uri.param(name) is not None])
    return f"{uri.scheme}:{uri.unescaped_user or ''}@{uri.host.lower()}:{port};transport={transport}{compared}"


def _late(held: Binding | None, asking: Asking) -> bool:
    """§10.3 step 7: whether what is held was made by a later REGISTER of the same Call-ID."""
    return held is not None and held.call_id == asking.call_id and asking.cseq <= held.cseq
