"""OpenAI tells by webhook of each call that reaches a project over SIP, and waits to be told whether to take it.

The message is verified with the webhook secret of the organization's trunk (Standard Webhooks: HMAC-SHA256 over id,
time and body; five minutes of tolerance), and taken once, by its id. All headers of our INVITE come back in it, our
call id among them: so the call, its number and its agent are known, and the call is accepted with the agent's
instructions, model and voice. A call that is none of ours, or whose agent has no instructions, is rejected.

One call may be told of twice, to the Realtime API and to its successor of live sessions. One of them is acted upon: the
one that the agent's model belongs to, or the first when it has none.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import logging
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import msgspec

from trunkline.control import fields
from trunkline.control.configuration.state import State
from trunkline.control.errors import Forbidden, Invalid, ProviderFailed
from trunkline.control.ports import EngineCalls, LiveCall
from trunkline.control.providers.provisioning import engine_credentials
from trunkline.model.agent import Agent
from trunkline.model.call import CallRecord
from trunkline.model.number import Number
from trunkline.model.trunk import Trunk
from trunkline.providers.values import ProviderError

_log = logging.getLogger("trunkline.control")
TOLERANCE = 300.0
"""Seconds that a message's time may be off, both ways."""
_REMEMBERED = 10_000
_REJECTED = 603
_NOT_OURS = 404
_MODELS = {"realtime": "gpt-realtime", "live": "gpt-live-1"}

Outcome = Literal["accepted", "rejected", "ignored", "repeated"]


class _Header(msgspec.Struct):
    name: str
    value: str


class _Data(msgspec.Struct):
    call_id: str | None = None
    session_id: str | None = None
    sip_headers: list[_Header] = []


class _Message(msgspec.Struct):
    type: str
    data: _Data | None = None


class _Incoming(NamedTuple):
    """A call that waits."""

    interface: Literal["realtime", "live"]
    path: str
    """Where it is answered."""
    call_id: str | None
    """Ours, as it came back in a header."""


class OpenAiCalls:
    __slots__ = ("_brand", "_calls", "_decided", "_seen", "_state")

    def __init__(self, state: State, calls: EngineCalls, brand: str) -> None:
        self._state = state
        self._calls = calls
        self._brand = brand.lower()
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._decided: OrderedDict[str, str] = OrderedDict()

    async def receive(self, headers: Mapping[str, str], raw: bytes) -> Outcome:
        """Verify a message and act on it. Raises `Forbidden` when nobody we know signed it, `Invalid` when it cannot be
        read, `ProviderFailed` when OpenAI did not take the answer: it then sends the message again."""
        trunk, id = self._signed_by(headers, raw)
        if id in self._seen:
            return "repeated"
        try:
            message = msgspec.json.decode(raw, type=_Message)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise Invalid("invalid_json", "The body is not a message of OpenAI's.") from None
        incoming = self._incoming(message)
        # From now on it is a repetition, also while OpenAI is being answered.
        _remember(self._seen, id, None)
        try:
            return "ignored" if incoming is None else await self._met(trunk, incoming)
        except BaseException:
            self._seen.pop(id, None)
            raise

    def _signed_by(self, headers: Mapping[str, str], raw: bytes) -> tuple[Trunk, str]:
        """The trunk whose secret the message is signed with, and the message's id."""
        id, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        given = [part[3:] for part in headers.get("webhook-signature", "").split() if part.startswith("v1,")]
        if id and given and _seconds(at) and abs(self._state.wall() - int(at)) <= TOLERANCE:
            # Anybody may send headers that are no UTF-8.
            signed = f"{id}.{at}.".encode("utf-8", "surrogateescape") + raw
            for trunk in self._state.catalogue.trunks.values():
                secret = trunk.settings.get("webhook_secret") if trunk.provider == "openai" else None
                if secret is not None and self._state.live(trunk.organization_id):
                    expected = _signature(secret.reveal(), signed)
                    if any(hmac.compare_digest(expected, each) for each in given[:5] if each.isascii()):
                        return trunk, id
        raise Forbidden("invalid_signature", "No trunk's webhook secret signs this message, or it is too old.")

    def _incoming(self, message: _Message) -> _Incoming | None:
        data = message.data
        if data is None:
            return None
        ours = next((each.value for each in data.sip_headers if each.name.lower() == f"x-{self._brand}-call-id"), None)
        if message.type == "realtime.call.incoming" and _plain(data.call_id):
            return _Incoming("realtime", f"/v1/realtime/calls/{data.call_id}", ours)
        if message.type in ("live.transport.incoming", "live.call.incoming") and _plain(data.session_id):
            return _Incoming("live", f"/v1/live/sessions/{data.session_id}", ours)
        return None

    async def _met(self, trunk: Trunk, incoming: _Incoming) -> Outcome:
        call = await self._call(trunk, incoming)
        agent = None if call is None else self._agent(trunk, call)
        if call is not None and agent is not None:
            wanted = _interface(agent) or self._decided.get(call.id) or incoming.interface
            if wanted != incoming.interface:
                return "ignored"
            _remember(self._decided, call.id, wanted)
        try:
            if call is None or agent is None:
                await self._calls.reject(engine_credentials(trunk), incoming.path, _NOT_OURS)
                return "rejected"
            number = self._state.catalogue.numbers.get(call.number_id or "")
            told = _told(agent, number)
            if told is None:
                _log.warning("call %s: its agent %s has no instructions, so OpenAI rejects it", call.id, agent.id)
                await self._calls.reject(engine_credentials(trunk), incoming.path, _REJECTED)
                return "rejected"
            await self._calls.accept(engine_credentials(trunk), incoming.path, _session(agent, told, incoming))
        except ProviderError as error:
            raise ProviderFailed("provider_failed", error.message) from None
        return "accepted"

    async def _call(self, trunk: Trunk, incoming: _Incoming) -> CallRecord | None:
        """The call of ours, if it goes on and is this organization's."""
        if incoming.call_id is None or not _plain(incoming.call_id):
            return None
        try:
            call = await self._state.engine.ask(LiveCall(call_id=incoming.call_id.removeprefix("call_")))
        except ConnectionError:
            return None
        return call if call is not None and call.organization_id == trunk.organization_id else None

    def _agent(self, trunk: Trunk, call: CallRecord) -> Agent | None:
        """The agent that the call's last attempt goes to, when this trunk reaches it."""
        for id in (*[leg.agent_id for leg in reversed(call.legs)], call.agent_id):
            agent = self._state.catalogue.agents.get(id or "")
            if agent is not None and agent.kind == "openai" and agent.trunk_id == trunk.id:
                return agent
        return None


def _signature(secret: str, signed: bytes) -> str:
    text = secret.removeprefix("whsec_")
    try:
        key = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        key = text.encode()
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode("ascii")


def _interface(agent: Agent) -> str | None:
    """Which interface the agent's model belongs to; None when it has none."""
    if agent.model is None:
        return None
    return "live" if agent.model.startswith("gpt-live") else "realtime"


def _told(agent: Agent, number: Number | None) -> str | None:
    """The instructions, with what the number adds to them."""
    if agent.instructions is None:
        return None
    parts = [agent.instructions]
    if number is not None and number.config.language is not None:
        parts.append(f"Speak the language {number.config.language}.")
    if number is not None and number.config.first_message is not None:
        parts.append(f"Begin the conversation by saying: {number.config.first_message}")
    return "\n\n".join(parts)


def _session(agent: Agent, instructions: str, incoming: _Incoming) -> dict[str, Any]:
    session: dict[str, Any] = {
        "type": incoming.interface,
        "model": agent.model or _MODELS[incoming.interface],
        "instructions": instructions,
    }
    if agent.voice is not None:
        session["audio"] = {"output": {"voice": agent.voice}}
    return session if incoming.interface == "realtime" else {"session": session}


def _plain(text: str | None) -> bool:
    """Whether it may stand in a path."""
    return text is not None and 1 <= len(text) <= 128 and fields.plain(text, "-_")


def _seconds(text: str) -> bool:
    """Whether these are Unix seconds: anybody may send what is far too long for a number."""
    return text.isascii() and text.isdigit() and len(text) <= 12


def _remember(known: OrderedDict[str, Any], key: str, value: object) -> None:
    known[key] = value
    while len(known) > _REMEMBERED:
        known.popitem(last=False)
