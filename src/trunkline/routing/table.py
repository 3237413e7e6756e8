"""The live table: everything a call asks about, in memory, one dict lookup away.

It is fed by changes, each costing its own size and not the table's. A batch is checked as a whole before anything is
touched, so a table is never left half changed, and it is changed between two messages, so that no call sees the middle.
A call keeps the frozen records it was given; the table may go on without it.

References are not checked here: changes of one moment come in any order, and a number whose agent is gone is a refusal
with a reason, not an error.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from trunkline.model.agent import Agent
from trunkline.model.change import Change, Put, Routed
from trunkline.model.number import Number
from trunkline.model.organization import Organization
from trunkline.model.trunk import Trunk
from trunkline.routing import destination
from trunkline.routing.networks import Networks, block, blocks, by_name
from trunkline.routing.telephone import E164, warm
from trunkline.sip.grammar import same_host

Key = tuple[str, str]
"""Kind and id of a record."""


class TableError(ValueError):
    """The batch contradicts the table or itself; nothing of it was applied."""


class Table:
    """Records by id, and the ways a call finds them. One writer, in the thread of its readers."""

    __slots__ = (
        "_authenticating",
        "_by_certificate",
        "_by_number",
        "_by_organization",
        "_by_user",
        "_found",
        "_networks",
        "agents",
        "named",
        "numbers",
        "organizations",
        "trunks",
        "version",
    )

    def __init__(self, changes: Iterable[Change] = ()) -> None:
        self.organizations: dict[str, Organization] = {}
        self.trunks: dict[str, Trunk] = {}
        self.agents: dict[str, Agent] = {}
        self.numbers: dict[str, Number] = {}
        self.version = 0
        """How many batches it has taken."""
        self._by_number: dict[str, Number] = {}
        self._by_user: dict[str, dict[str, None]] = {}
        self._by_certificate: dict[str, dict[str, None]] = {}
        self._by_organization: dict[str, dict[str, None]] = {}
        self._authenticating: dict[str, dict[str, None]] = {}
        """By organization, the trunks that are in `_by_user`."""
        self._networks = Networks()
        self._found: dict[str, tuple[str, ...]] = {}
        """By trunk of `named`, the addresses that its name leads to."""
        self.named: dict[str, Trunk] = {}
        """The trunks without networks whose host is a name: whoever can look names up says where they lead, by
        `lead`."""
        self.apply(changes)

    # -- what calls ask

    def number(self, e164: str) -> Number | None:
        """The number in its canonical form."""
        return self._by_number.get(e164)

    def sources(self, host: str) -> Mapping[str, int]:
        """Ids of the trunks whose networks hold this literal address, each with the length of the network's prefix, in
        falling order of that length."""
        return self._networks.find(host)

    def signals_from(self, source: str) -> bool:
        """Whether an enabled trunk's requests may come from this address, or from within this block of addresses."""
        if "/" not in source:
            trunks = self.trunks
            return any(trunks[id].enabled for id in self._networks.find(source))
        return self._networks.meets(block(source))

    def carrier_at(self, host: str, but: str = "") -> bool:
        """Whether a carrier's calls, whosever, come from this literal address; those of trunk `but` do not count."""
        trunks = self.trunks
        return any(id != but and not trunks[id].dials_out for id in self._networks.find(host))

    def carrier_named(self, host: str, but: str = "") -> bool:
        """Whether a carrier trunk other than `but` is at this host by its name. It looks at every trunk."""
        return any(
            trunk.host is not None
            and same_host(trunk.host.strip("[]"), host)
            and not trunk.dials_out
            and trunk.id != but
            for trunk in self.trunks.values()
        )

    def trunks_of(self, organization_id: str) -> Collection[str]:
        """Ids of an organization's trunks."""
        return self._by_organization.get(organization_id, {})

    def with_user(self, username: str) -> Collection[str]:
        """Ids of the trunks whose requests may authenticate with this digest user name."""
        return self._by_user.get(username, {})

    def called(self, agent_id: str) -> str:
        """An agent's name, for people; its id when there is none."""
        agent = self.agents.get(agent_id)
        return agent.name if agent is not None else agent_id

    def with_certificate(self, shown: Iterable[str]) -> Collection[str]:
        """Ids of the enabled trunks whose peer shows a certificate with this fingerprint or one of these names."""
        if not self._by_certificate:
            return ()
        return {id: None for name in shown for id in self._by_certificate.get(name, ())}

    def authenticates(self, organization_id: str | None = None) -> bool:
        """Whether any trunk's requests may authenticate; with `organization_id`, any of its trunks'."""
        return bool(self._by_user) if organization_id is None else organization_id in self._authenticating

    # -- what the control plane says

    def apply(self, changes: Iterable[Change]) -> None:
        """Take a batch, all of it or, raising `TableError`, nothing. Of several changes of a record the last counts."""
        last: dict[Key, Routed | None] = {}
        for change in changes:
            if isinstance(change, Put):
                last[_kind(change.record), change.record.id] = change.record
            else:
                last[change.kind, change.id] = None
        self._check(last)
        for (kind, id), record in last.items():
            if kind == "number":
                self._set_number(id, record if isinstance(record, Number) else None)
            elif kind == "trunk":
                self._set_trunk(id, record if isinstance(record, Trunk) else None)
            elif isinstance(record, Agent):
                self.agents[id] = record
            elif isinstance(record, Organization):
                self.organizations[id] = record
            elif kind == "agent":
                self.agents.pop(id, None)
            else:
                self.organizations.pop(id, None)
        self.version += 1

    def lead(self, trunk_id: str, hosts: tuple[str, ...]) -> bool:
        """The name of a trunk of `named` leads to these literal addresses from now on: its requests come from them.
        Whether that is news."""
        trunk = self.named.get(trunk_id)
        before = self._found.get(trunk_id, ())
        if trunk is None or before == hosts:
            return False
        self._networks.put(trunk_id, blocks(trunk, before), blocks(trunk, hosts))
        self._found[trunk_id] = hosts
        return True

    def found(self, trunk_id: str) -> tuple[str, ...]:
        """The addresses that a trunk's name was last said to lead to."""
        return self._found.get(trunk_id, ())

    def _check(self, last: dict[Key, Routed | None]) -> None:
        taken: dict[str, str] = {}
        for (kind, id), record in last.items():
            if kind not in _KINDS:
                raise TableError(f"{kind!r} is no kind of record")
            if isinstance(record, Number):
                self._check_number(record, last, taken)
            elif isinstance(record, Trunk):
                try:
                    blocks(record)
                except ValueError as error:
                    raise TableError(f"trunk {id}: {error}") from None

    def _check_number(self, number: Number, last: Mapping[Key, Routed | None], taken: dict[str, str]) -> None:
        e164 = number.e164
        if not E164.fullmatch(e164):
            raise TableError(f"number {number.id}: not a canonical E.164 number")
        holder = taken.setdefault(e164, number.id)
        if holder == number.id and (known := self._by_number.get(e164)) is not None:
            # Whoever has it may give it up in this same batch.
            staying = last.get(("number", known.id), known)
            if isinstance(staying, Number) and staying.e164 == e164:
                holder = known.id
        if holder != number.id:
            raise TableError(f"number {number.id}: {e164} is number {holder} already")

    def _set_number(self, id: str, number: Number | None) -> None:
        old = self.numbers.pop(id, None)
        # Two numbers may change places in one batch: only what is still ours is taken out.
        if old is not None and self._by_number.get(old.e164) is old:
            del self._by_number[old.e164]
        if number is not None:
            self.numbers[id] = number
            self._by_number[number.e164] = number

    def _set_trunk(self, id: str, trunk: Trunk | None) -> None:
        old = self.trunks.pop(id, None)
        old_user, new_user = inbound_user(old), inbound_user(trunk)
        old_owner = old.organization_id if old is not None else None
        new_owner = trunk.organization_id if trunk is not None else None
        _move(self._by_user, id, old_user, new_user)
        _move(self._by_certificate, id, _certificate(old), _certificate(trunk))
        _move(self._by_organization, id, old_owner, new_owner)
        _move(self._authenticating, id, old_owner if old_user else None, new_owner if new_user else None)
        before = self._found.get(id, ())
        self.named.pop(id, None)
        if trunk is not None and by_name(trunk):
            self.named[id] = trunk
        if old is None or trunk is None or id not in self.named or _way(old) != _way(trunk):
            self._found.pop(id, None)
        old_blocks = blocks(old, before) if old is not None else ()
        self._networks.put(id, old_blocks, blocks(trunk, self.found(id)) if trunk is not None else ())
        if trunk is not None:
            self.trunks[id] = trunk
            if trunk.country:
                warm(trunk.country)
            if trunk.dials_out:
                destination.warm()


def _way(trunk: Trunk) -> tuple[str | None, int | None, str]:
    """What decides where its name leads."""
    return trunk.host, trunk.port, trunk.transport


def _certificate(trunk: Trunk | None) -> str | None:
    return trunk.client_certificate if trunk is not None and trunk.enabled else None


def _move(index: dict[str, dict[str, None]], id: str, old: str | None, new: str | None) -> None:
    if old == new:
        return
    if old is not None:
        del index[old][id]
        if not index[old]:
            del index[old]
    if new is not None:
        index.setdefault(new, {})[id] = None


_KINDS = frozenset({"organization", "trunk", "agent", "number"})


def _kind(record: Routed) -> str:
    return type(record).__name__.lower()


def inbound_user(trunk: Trunk | None) -> str | None:
    """The user name its inbound requests may authenticate with; None when they cannot. A voice engine's credentials are
    ours to show there, and its to show here only where the trunk says so (`challenge`)."""
    if trunk is None or not trunk.enabled or (trunk.engine and not trunk.challenge) or not trunk.password:
        return None
    return trunk.username or None
