"""Registering our trunks with their carriers (RFC 3261 §10.2): what `registrar.registration` decides, as messages.

Each trunk has one Contact, whose user nobody can guess: a call to it is the carrier's, wherever it comes from. What the
registrar sees of us (`received` and `rport`, RFC 3581) becomes our address towards it, and a new binding replaces the
one of the old address. The flow that a registration succeeded on is kept alive (RFC 5626 §3.5.1), for calls come over
it; where it is lost, the trunk registers again.
"""

from __future__ import annotations

from hashlib import blake2s

from trunkline.call.beside.probing import target
from trunkline.call.beside.registrant import (
    Registrant,
    Standing,
    address_of_record,
    granted,
    identity,
    registrar,
    service_route,
)
from trunkline.call.leg.credentials import Credentials, Shown, authorize
from trunkline.call.leg.user_agent import ALLOW, UserAgent
from trunkline.call.outputs import Observed, Output, Ping, Resolve
from trunkline.model.trunk import Trunk
from trunkline.registrar.contacts import Contacts
from trunkline.registrar.registration import Attempt, Outcome, Registration, Word
from trunkline.routing.select import leg_transport
from trunkline.sip import compose
from trunkline.sip.flow import Flow
from trunkline.sip.grammar import bracketed
from trunkline.sip.message import Response
from trunkline.sip.timers import Alarms
from trunkline.sip.via import Via

OWNER = "register:"
"""What the owner of a REGISTER's transaction begins with; the number of the client follows."""
HANDOVER = 5.0
"""Seconds that a changed trunk waits for its old binding to be taken back."""
REMEMBERED = 86_400.0
"""Seconds that an address a registrar's name led to counts as the trunk's."""
_MOST_HOSTS = 32


class Registering:
    """The registrations of every trunk that registers."""

    __slots__ = ("_alarms", "_clients", "_count", "_draining", "_trunks", "contacts", "ua")

    def __init__(self, ua: UserAgent, contacts: Contacts) -> None:
        """`contacts` are kept here, and read by arrival."""
        self.ua = ua
        self.contacts = contacts
        self._clients: dict[str, Registrant] = {}
        self._trunks: dict[str, Registrant] = {}
        self._alarms: Alarms[tuple[str, str]] = Alarms()
        """(client, `due` or `ping`)"""
        self._count = 0
        self._draining = False

    def __len__(self) -> int:
        return len(self._trunks)

    @property
    def leaving(self) -> int:
        """Bindings that are still being taken back."""
        return sum(client.registration.busy for client in self._clients.values() if client.leaving or self._draining)

    def standing(self, trunk_id: str) -> Standing | None:
        """What `trunk_id` has come to; None when it does not register."""
        client = self._trunks.get(trunk_id)
        if client is None:
            return None
        known, good = client.registration, client.good
        where = f"{good.transport}:{bracketed(good.remote[0])}:{good.remote[1]}" if good is not None else None
        return Standing(
            known.state, known.since, known.expires_at, known.next_at, known.status, known.phrase, where, client.contact
        )

    def states(self) -> dict[str, int]:
        """How many registrations are in each state."""
        found = dict.fromkeys(("unregistered", "registering", "registered", "failed"), 0)
        for client in self._trunks.values():
            found[client.registration.state] += 1
        return found

    # ── the configuration, and the end ────────────────────────────────────────────────────────────────────────────────

    def put(self, trunk: Trunk, now: float) -> None:
        """A trunk is new or changed."""
        wanted = trunk.register and trunk.enabled and trunk.host and trunk.username and trunk.password is not None
        old = self._trunks.get(trunk.id)
        if old is not None and wanted and identity(old.trunk) == identity(trunk):
            old.trunk = trunk
            old.registration.configure(trunk.register_expires, now)
            self.contacts.lead(trunk.id, () if trunk.networks else tuple(old.hosts))
            self._arm(old, now)
            return
        self.remove(trunk.id, now)
        if not wanted or self._draining:
            return
        self._count += 1
        held = old is not None and old.number in self._clients
        registration = Registration(trunk.register_expires, now, self.ua.tokens.chance(), HANDOVER if held else 0.0)
        tokens = self.ua.tokens
        number, user = str(self._count), self._user(trunk)
        client = Registrant(number, trunk, user, registration, tokens.token(), tokens.token())
        self._clients[client.number] = self._trunks[trunk.id] = client
        self.contacts.users[client.user] = trunk.id
        self.contacts.said[trunk.id] = _sentence("unregistered", "")
        self._arm(client, now)

    def remove(self, trunk_id: str, now: float) -> None:
        client = self._trunks.pop(trunk_id, None)
        if client is None:
            return
        self.contacts.users.pop(client.user, None)
        self.contacts.said.pop(trunk_id, None)
        self.contacts.lead(trunk_id, ())
        self.ua.service_routes.pop(trunk_id, None)
        client.leaving = True
        client.registration.leave(now)
        self._arm(client, now)

    def drain(self, on: bool, now: float) -> list[Output]:
        """Take all bindings back, and make no new ones; or the opposite."""
        self._draining = on
        outs: list[Output] = []
        for client in list(self._trunks.values()):
            if on:
                outs += self._do(client, client.registration.leave(now), now)
            else:
                client.registration.enter(now, self.ua.tokens.chance())
            self._arm(client, now)
        return outs + self.expire(now)

    # ── time ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def deadline(self) -> float:
        return self._alarms.deadline()

    def expire(self, now: float) -> list[Output]:
        outs: list[Output] = []
        for number, what in self._alarms.expire(now):
            client = self._clients.get(number)
            if client is None:
                continue
            if what == "ping":
                outs += self._ping(client, now)
                continue
            if what == "attempt":
                outs += self._silent(client, now)
                continue
            outs += self._do(client, client.registration.expire(now, self.ua.tokens.chance()), now)
            self._arm(client, now)
        return outs

    # ── what comes back ───────────────────────────────────────────────────────────────────────────────────────────────

    def resolved(self, number: str, flows: tuple[Flow, ...], now: float) -> list[Output]:
        client = self._clients.get(number)
        if client is None or client.key:
            return []
        self._learn(client, flows, now)
        # Where it went well is tried first, as long as the name still leads there.
        good = client.good
        last = client.registration.state != "failed"
        client.flows = sorted(flows, key=lambda flow: flow != good) if last else list(flows)
        return self._next(client, Outcome(status=0, phrase="no address to send to"), now)

    def answered(self, number: str, transaction: str, response: Response, now: float) -> list[Output]:
        client = self._clients.get(number)
        if client is None or transaction != client.key or client.flow is None or response.status < 200:
            return []
        client.key = ""
        self.ua.see(client.flow, response.via)
        trunk, status = client.trunk, response.status
        if status in (401, 407) and trunk.username and trunk.password is not None:
            credentials = Credentials(trunk.username, trunk.password, trunk.realm)
            uri = registrar(trunk)
            shown = authorize(credentials, response, "REGISTER", uri, self.ua.tokens.token(), client.shown)
            if shown is not None:
                client.shown = shown
                return self._send(client, client.flow, now)
        retry = (response.get("retry-after") or "").partition(";")[0].partition("(")[0].strip()
        least = response.get("min-expires") or ""
        outcome = Outcome(
            status=status,
            phrase=response.phrase,
            granted=granted(response, client) if status < 300 else 0.0,
            retry_after=float(retry) if retry.isdecimal() and len(retry) <= 9 else 0.0,
            min_expires=int(least) if least.isdecimal() and len(least) <= 9 else 0,
        )
        if status == 503:
            return self._next(client, outcome, now)
        return self._over(client, outcome, now, response)

    def failed(self, number: str, transaction: str, reason: str, now: float) -> list[Output]:
        """A REGISTER was not answered or not sent, or (no `transaction`) there is no address."""
        client = self._clients.get(number)
        if client is None or transaction != client.key:
            return []
        client.key = ""
        return self._next(client, Outcome(status=0, phrase=reason), now)

    def closed(self, flow: Flow, now: float) -> None:
        """A connection of ours is gone: what was registered over it registers again."""
        for client in self._trunks.values() if flow.pooled else ():
            if client.good == flow:
                client.registration.hurry(now + self.ua.tokens.chance())
                self._arm(client, now)

    def seen(self, flow: Flow, via: Via, now: float) -> None:
        """Something else than a REGISTER was answered on this flow: it tells our address as well."""
        for client in self._trunks.values():
            if client.good == flow:
                self.ua.see(flow, via)
                self._compare(client, now)
                self._arm(client, now)

    def _silent(self, client: Registrant, now: float) -> list[Output]:
        """Nothing was heard for as long as an address is given where there is another."""
        if not client.flows or not self.ua.layer.drop(client.key):
            return []
        client.key = ""
        return self._next(client, Outcome(status=0, phrase="no answer"), now)

    # ── within ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _do(self, client: Registrant, words: list[Word], now: float) -> list[Output]:
        outs: list[Output] = []
        trunk = client.trunk
        for word in words:
            if isinstance(word, Attempt):
                client.expires = word.expires
                client.shown = Shown()
                uri = trunk.outbound_proxy or target(trunk)
                outs.append(Resolve(f"{OWNER}{client.number}", uri, leg_transport(trunk), trunk.tls))
            elif not client.leaving:
                self.contacts.said[trunk.id] = _sentence(word.new, word.detail)
                outs.append(
                    Observed(
                        "registration",
                        reason=word.new,
                        status=client.registration.status or 0,
                        organization_id=trunk.organization_id,
                        trunk_id=trunk.id,
                        detail=word.detail,
                    )
                )
        return outs

    def _next(self, client: Registrant, outcome: Outcome, now: float) -> list[Output]:
        """The next address, or the failure of the last."""
        if client.flows:
            return self._send(client, client.flows.pop(0), now)
        return self._over(client, outcome, now, None)

    def _over(self, client: Registrant, outcome: Outcome, now: float, response: Response | None) -> list[Output]:
        registration, flow = client.registration, client.flow
        client.flows = []
        self._alarms.clear((client.number, "attempt"))
        outs: list[Output] = []
        if response is not None and 200 <= outcome.status < 300 and flow is not None:
            if client.expires:
                client.good = flow
                client.contact = client.offered
                if not client.leaving:
                    self.ua.service_routes[client.trunk.id] = service_route(response)
                if client.trunk.keepalive > 0:
                    self._alarms.set((client.number, "ping"), now + self._gap(client))
            else:
                client.contact = None
        outs += self._do(client, registration.receive(outcome, now, self.ua.tokens.chance()), now)
        self._compare(client, now)
        self._arm(client, now)
        return outs

    def _compare(self, client: Registrant, now: float) -> None:
        """Register anew where the registrar holds an address that is not ours any more."""
        if client.contact is not None and client.good is not None and client.registration.state == "registered":
            if client.contact != self._contact(client, client.good):
                client.registration.moved(now)

    def _arm(self, client: Registrant, now: float) -> None:
        if client.leaving and not client.registration.busy:
            self._clients.pop(client.number, None)
            self._alarms.clear((client.number, "due"))
            self._alarms.clear((client.number, "ping"))
            self._alarms.clear((client.number, "attempt"))
            self._succeed(client, now)
            return
        at = client.registration.deadline
        if at is None:
            self._alarms.clear((client.number, "due"))
        else:
            self._alarms.set((client.number, "due"), at)

    def _succeed(self, gone: Registrant, now: float) -> None:
        """Who waits for the old binding of its trunk to be taken back need not wait any more."""
        client = self._trunks.get(gone.trunk.id)
        if client is not None and client.sequence == 0:
            client.registration.ready(now)
            self._arm(client, now)

    def _send(self, client: Registrant, flow: Flow, now: float) -> list[Output]:
        ua, trunk = self.ua, client.trunk
        client.flow = flow
        client.sequence += 1
        branch = ua.tokens.branch()
        contact = client.offered = self._contact(client, flow)
        contacts = f"Contact: <{contact}>;expires={client.expires}\r\n"
        if client.contact is not None and client.contact != contact:
            contacts += f"Contact: <{client.contact}>;expires=0\r\n"
        aor = address_of_record(trunk)
        route = f"Route: <{trunk.outbound_proxy}>\r\n" if trunk.outbound_proxy else ""
        data = compose.request(
            f"REGISTER {registrar(trunk)}",
            compose.via_line(flow, ua.sent_by(flow), branch),
            client.call_id,
            f"{client.sequence} REGISTER",
            f"{route}From: <{aor}>;tag={client.tag}\r\nTo: <{aor}>\r\n{contacts}Expires: {client.expires}\r\n"
            f"{client.shown}{ALLOW}User-Agent: {ua.brand}\r\n",
        )
        client.key, told = ua.layer.request(data, "REGISTER", branch, flow, f"{OWNER}{client.number}", "", now)
        if client.flows:
            self._alarms.set((client.number, "attempt"), now + ua.attempt)
        return [*told]

    def _ping(self, client: Registrant, now: float) -> list[Output]:
        if client.good is None or client.trunk.keepalive <= 0:
            return []
        self._alarms.set((client.number, "ping"), now + self._gap(client))
        return [Ping(client.good)]

    def _gap(self, client: Registrant) -> float:
        """RFC 5626 §4.4.1: between 80 and 100 percent of the interval."""
        return client.trunk.keepalive * (0.8 + 0.2 * self.ua.tokens.chance())

    def _contact(self, client: Registrant, flow: Flow) -> str:
        transport = "" if flow.transport == "udp" else f";transport={flow.transport}"
        return f"sip:{client.user}@{self.ua.sent_by(flow)}{transport}"

    def _user(self, trunk: Trunk) -> str:
        """The user of its Contact: the same after a restart, so that the binding of before is replaced."""
        password = trunk.password.reveal() if trunk.password is not None else ""
        key = blake2s(password.encode("utf-8", "surrogateescape")).digest()
        digits = blake2s(f"{trunk.id}:{trunk.username}".encode("utf-8", "surrogateescape"), key=key).hexdigest()
        return self.ua.tokens.worker + digits[:20]

    def _learn(self, client: Registrant, flows: tuple[Flow, ...], now: float) -> None:
        """Calls come from where the registrar's name leads."""
        if client.leaving:
            return
        hosts = client.hosts
        for flow in flows:
            hosts.pop(flow.remote[0], None)
            hosts[flow.remote[0]] = now
        for host, at in list(hosts.items()):
            if now - at > REMEMBERED or len(hosts) > _MOST_HOSTS:
                del hosts[host]
        # Networks that the operator gave are all that its calls come from.
        self.contacts.lead(client.trunk.id, () if client.trunk.networks else tuple(hosts))


def _sentence(state: str, detail: str) -> str:
    if state == "registered":
        return "It is registered with its carrier."
    words = f"It is not registered with its carrier ({state}{f': {detail}' if detail else ''})"
    mend = " Check its server and credentials." if state == "failed" else ""
    return f"{words}: calls may not come.{mend}"
