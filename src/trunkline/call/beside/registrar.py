"""The registrar (RFC 3261 §10.3): phones and PBXs that prove to be a trunk's are bound to it.

Everybody is asked for credentials, and a user that does not exist is refused as one with a wrong password is, after as
much work: who asks learns nothing. The trunk's user name is its address-of-record. What is bound is reached over the
flow that the REGISTER came by; one through proxies over theirs (Path, RFC 3327). The transaction, which makes us answer
a repeat as before, begins only when the proof is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import structs

from trunkline.call.decision.proof import Digest
from trunkline.call.leg.gate import REGISTRAR, Stateless
from trunkline.call.leg.route import private
from trunkline.call.leg.user_agent import UserAgent
from trunkline.call.outputs import Observed, Output, Ping
from trunkline.model.binding import Binding
from trunkline.model.change import Change as Configured
from trunkline.model.change import Put
from trunkline.model.secret import Secret
from trunkline.model.trunk import Trunk
from trunkline.registrar.bindings import Asking, Bindings, Change, OutOfOrder, TooBrief, Wish
from trunkline.routing.table import Table
from trunkline.sip.address import parse_address
from trunkline.sip.challenge import Credentials
from trunkline.sip.digest import Verdict
from trunkline.sip.flow import Flow
from trunkline.sip.grammar import GrammarError, split_commas, unquote
from trunkline.sip.message import Request
from trunkline.sip.timers import Alarms
from trunkline.sip.uri import UriError, parse_uri

_MOST_CONTACTS = 16
"""Contacts of one REGISTER."""
_MOST_PATH = 8
_MOST_ALIKE = 8
"""Trunks with the same user name whose passwords are tried."""
_LONGEST_TEXT = 512
_KEPT_ALIVE = 25.0


class Registrar:
    """One worker's."""

    __slots__ = ("_digest", "_gate", "_nobody", "_pings", "_table", "_ua", "bindings")

    def __init__(self, ua: UserAgent, table: Table, digest: Digest, gate: Stateless, bindings: Bindings) -> None:
        self.bindings = bindings
        self._ua = ua
        self._table = table
        self._digest = digest
        self._gate = gate
        self._nobody = Trunk(id="", organization_id="", name="", password=Secret(ua.tokens.token()))
        """Whose password nobody has."""
        self._pings: Alarms[tuple[str, str]] = Alarms()
        """Bindings behind NAT, by trunk and key."""

    # ── configuration ─────────────────────────────────────────────────────────────────────────────────────────────────

    def before(self, changes: Iterable[Configured]) -> dict[str, Trunk]:
        """The trunks with devices that are about to change or to go, as they are now."""
        trunks = self._table.trunks
        ids = [change.record.id if isinstance(change, Put) else change.id for change in changes]
        return {id: trunks[id] for id in ids if id in trunks and trunks[id].accepts_registration}

    def after(self, before: Mapping[str, Trunk]) -> None:
        """They have changed. Who could register by what they were, and cannot by what they are, is released."""
        for id, trunk in before.items():
            if _proof(trunk) != _proof(self._table.trunks.get(id)):
                self.bindings.forget(id)

    def load(self, bindings: Iterable[Binding], now: float) -> None:
        """Those of an earlier process. Connections have not survived it: who came by one must come again, unless it
        named an address of its own."""
        wall = now + self._ua.epoch
        for binding in bindings:
            trunk = self._table.trunks.get(binding.trunk_id)
            lost = binding.flow.reliable and not binding.again
            if trunk is None or not trunk.accepts_registration or binding.expires_at <= wall or lost:
                continue
            self.bindings.load(binding)
            self._keep_alive(binding, now)

    # ── time ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    def deadline(self) -> float:
        return min(self.bindings.deadline() - self._ua.epoch, self._pings.deadline())

    def expire(self, now: float) -> list[Output]:
        outs: list[Output] = []
        for trunk_id, key in self._pings.expire(now):
            binding = self.bindings.find(trunk_id, key)
            if binding is not None and self._keep_alive(binding, now):
                outs.append(Ping(binding.flow))
        return outs + self._said(self.bindings.expire(now + self._ua.epoch))

    def closed(self, flow: Flow) -> list[Output]:
        """A connection is gone."""
        return self._said(self.bindings.closed(flow)) if flow in self.bindings.flows else []

    # ── REGISTER ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def receive(self, request: Request, flow: Flow, now: float, source: str) -> list[Output]:
        """`source`: how its sender is counted."""
        credentials = self._digest.credentials(request)
        if credentials is None:
            return self._challenge(request, flow, now, source, False)
        trunk, proven = self._prove(credentials, request, flow, now)
        if proven is Verdict.STALE:
            return self._challenge(request, flow, now, source, True)
        if proven is not Verdict.VERIFIED:
            return self._refuse(request, flow, 403, "wrong-credentials", source, None)
        if trunk.transport != flow.transport:
            return self._refuse(request, flow, 403, "wrong-transport", source, trunk)
        if _user(request.header("To") or "") != trunk.username:
            return self._refuse(request, flow, 403, "third-party", source, trunk)
        asked = self._ask(request, flow)
        if isinstance(asked, str):
            warning = f'Warning: 399 {self._ua.brand} "{asked}"\r\n'
            return self._refuse(request, flow, 400, "malformed-contact", source, trunk, warning)
        return self._bind(request, flow, trunk, *asked, now)

    def _prove(self, credentials: Credentials, request: Request, flow: Flow, now: float) -> tuple[Trunk, Verdict]:
        table = self._table
        ids = list(table.with_user(credentials.username))
        alike = [table.trunks[id] for id in ids if table.trunks[id].accepts_registration][:_MOST_ALIKE]
        for trunk in alike:
            proven = self._digest.verdict(credentials, request, trunk, flow, now)
            if proven is not Verdict.WRONG:
                return trunk, proven
        if not alike:
            # The time that a wrong password costs.
            nobody = structs.replace(self._nobody, username=credentials.username)
            self._digest.verdict(credentials, request, nobody, flow, now)
        return self._nobody, Verdict.WRONG

    def _ask(self, request: Request, flow: Flow) -> tuple[list[Wish] | None, Asking] | str:
        """What it wants: None for `*`. A sentence, when it cannot be understood."""
        try:
            values = [value for line in request.headers("contact") for value in split_commas(line)]
            path = tuple([parse_address(each).uri for line in request.headers("path") for each in split_commas(line)])
            everything = any(value.strip() == "*" for value in values)
            if everything and (len(values) > 1 or _number(request.get("expires")) != 0):
                return "Contact * stands alone, with Expires: 0"
            if len(values) > _MOST_CONTACTS or len(path) > _MOST_PATH or max(map(len, path), default=0) > _LONGEST_TEXT:
                return "too many Contacts, or too long a Path"
            wishes = None if everything else [_wish(value, _number(request.get("expires"))) for value in values]
        except GrammarError as error:
            return str(error).replace('"', "'")
        first = wishes[0] if wishes else None
        agent = (request.get("user-agent") or "")[:200]
        asking = Asking(request.call_id, request.cseq, flow, path=path, user_agent=agent)
        if first is None or path:
            return wishes, asking
        host, port = first.uri.host, first.uri.port or (5061 if flow.transport == "tls" else 5060)
        own = host == flow.remote[0] and first.uri.transport in (None, flow.transport)
        if flow.reliable:
            return wishes, asking._replace(again=own, flow=flow)
        if own and request.via.rport is None:
            # It does not listen where it sends from, and does not ask us to answer there.
            return wishes, asking._replace(flow=flow._replace(remote=(host, port)))
        return wishes, asking._replace(nat=(host, port) != flow.remote and private(host) is not False)

    def _bind(
        self, request: Request, flow: Flow, trunk: Trunk, wishes: list[Wish] | None, asking: Asking, now: float
    ) -> list[Output]:
        ua, wall = self._ua, now + self._ua.epoch
        key = ua.layer.open(request, flow, "").key
        tag = ua.tokens.token()
        done: list[Change] | TooBrief | OutOfOrder
        if wishes is None:
            done = self.bindings.clear(trunk.id, asking)
        else:
            done = self.bindings.register(trunk.id, wishes, asking, wall)
        if isinstance(done, TooBrief):
            least = f"Min-Expires: {self.bindings.terms.shortest}\r\n"
            return [*ua.layer.respond(key, 423, now, tag, least)]
        if isinstance(done, OutOfOrder):
            return [*ua.layer.respond(key, 500, now, tag, f'Warning: 399 {ua.brand} "out of order"\r\n')]
        for change in done:
            if change.what in ("new", "refreshed"):
                self._keep_alive(change.binding, now)
        return [*ua.layer.respond(key, 200, now, tag, self._accepted(request, flow, trunk, wall)), *self._said(done)]

    def _accepted(self, request: Request, flow: Flow, trunk: Trunk, wall: float) -> str:
        """The lines of a 200: all that is bound now."""
        lines: list[str] = []
        flows = False
        for binding in self.bindings.of(trunk.id):
            params = f";expires={max(1, round(binding.expires_at - wall))}"
            if binding.q != 1.0:
                params += f";q={binding.q:.3g}"
            if binding.instance:
                params += f';+sip.instance="{binding.instance}"'
                if binding.reg_id:
                    params += f";reg-id={binding.reg_id}"
                    flows = flows or binding.call_id == request.call_id
            lines.append(f"Contact: <{binding.contact}>{params}\r\n")
        lines += [f"Path: {line}\r\n" for line in request.headers("path")]
        lines.append(f"Supported: {', '.join(REGISTRAR)}\r\n")
        offered = ",".join(request.headers("supported")).lower()
        # Who is told so over UDP takes our silence to its STUN for the end of the flow (RFC 5626 §4.4.2).
        kept = flow.reliable or request.get("path") is not None
        if flows and kept and "outbound" in [tag.strip() for tag in offered.split(",")]:
            lines.append("Require: outbound\r\n")
        lines.append(f"Server: {self._ua.brand}\r\n")
        return "".join(lines)

    # ── within ────────────────────────────────────────────────────────────────────────────────────────────────────────

    def _keep_alive(self, binding: Binding, now: float) -> bool:
        """Whether a NAT stands before it and is to be kept open; the next time is set."""
        trunk = self._table.trunks.get(binding.trunk_id)
        gap = trunk.keepalive if trunk is not None else _KEPT_ALIVE
        if not binding.nat or gap <= 0:
            return False
        self._pings.set((binding.trunk_id, binding.key), now + gap * (0.8 + 0.2 * self._ua.tokens.chance()))
        return True

    def _said(self, changes: list[Change]) -> list[Output]:
        outs: list[Output] = []
        for binding, what in changes:
            trunk = self._table.trunks.get(binding.trunk_id)
            if what != "refreshed":
                outs.append(
                    Observed(
                        "binding",
                        f"{binding.flow.transport}:{binding.flow.remote[0]}",
                        what,
                        organization_id=trunk.organization_id if trunk is not None else "",
                        trunk_id=binding.trunk_id,
                        detail=binding.user_agent,
                    )
                )
        return outs

    def _challenge(self, request: Request, flow: Flow, now: float, source: str, stale: bool) -> list[Output]:
        asked = self._digest.challenge(flow, now, stale, self.bindings.terms.algorithms)
        lines = "".join([f"WWW-Authenticate: {line}\r\n" for line in asked])
        observed = Observed("challenged", source, "stale" if stale else "credentials", 401)
        return [observed, *self._gate.answer(request, flow, 401, lines)]

    def _refuse(
        self, request: Request, flow: Flow, status: int, cause: str, source: str, trunk: Trunk | None, lines: str = ""
    ) -> list[Output]:
        # Without its trunk: a call's refusal has a record there, and this is no call.
        observed = Observed("refused", source, cause, status, detail=trunk.name if trunk is not None else "")
        reason = f'Reason: SIP;cause={status};text="{cause}"\r\n'
        return [observed, *self._gate.answer(request, flow, status, reason + lines)]


def _proof(trunk: Trunk | None) -> tuple[object, ...] | None:
    """By what devices of a trunk prove to be its."""
    if trunk is None or not trunk.accepts_registration:
        return None
    return trunk.username, trunk.password, trunk.transport, trunk.organization_id


def _wish(value: str, expires: int | None) -> Wish:
    """One Contact. Raises GrammarError."""
    address = parse_address(value)
    if len(address.uri) > _LONGEST_TEXT:
        raise GrammarError("the Contact is too long")
    uri = parse_uri(address.uri)
    if uri.scheme not in ("sip", "sips") or uri.headers is not None:
        raise GrammarError("only SIP URIs are bound here")
    own = address.param("expires")
    instance, number = address.param("+sip.instance") or "", address.param("reg-id") or ""
    preference = address.param("q") or ""
    return Wish(
        uri,
        address.uri,
        # §10.3 step 6: what is no number is as if it were absent.
        expires if own is None else _number(own),
        min(1.0, float(preference)) if preference.replace(".", "", 1).isdecimal() and preference.isascii() else 1.0,
        unquote(instance) if len(instance) <= _LONGEST_TEXT and '"' not in unquote(instance) else "",
        int(number) if number.isdecimal() and len(number) <= 9 else 0,
    )


def _number(text: str | None) -> int | None:
    text = (text or "").strip()
    if not text.isdecimal() or not text.isascii():
        return None
    return int(text) if len(text) <= 10 else 2**32 - 1


def _user(value: str) -> str | None:
    """The user of an address header."""
    try:
        return parse_uri(parse_address(value).uri).unescaped_user
    except (GrammarError, UriError):
        return None
