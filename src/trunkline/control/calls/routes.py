"""What an INVITE would meet now: arrival's own decision, shown to whom it concerns."""

from __future__ import annotations

import re
from ipaddress import ip_address

from msgspec import structs

from trunkline.call.decision.explain import Explanation, Hypothetical, Step
from trunkline.control import fields
from trunkline.control.answers import engine_answers
from trunkline.control.configuration.state import State
from trunkline.control.ports import Explain

_TOKEN = re.compile(r"[A-Za-z0-9.!%*_+`'~-]{1,64}")
_MOST_HEADERS = 20


class Routes:
    __slots__ = ("_state",)

    def __init__(self, state: State) -> None:
        self._state = state

    async def explain(self, organization_id: str, asked: Hypothetical, *, operator: bool) -> Explanation:
        """Raises `Invalid` and `Unavailable`.

        What belongs to another organization is shown to operators only. To others such a call is not from a trunk of
        theirs, whatever would become of it.
        """
        try:
            source = str(ip_address(asked.source))
        except ValueError:
            fields.refuse("source", "This is the literal address that the call would come from.", asked.source)
        _check(asked)
        if asked.certificate is not None:
            asked = structs.replace(asked, certificate=fields.certificate_name(asked.certificate))
        with engine_answers():
            found = await self._state.engine.ask(Explain(structs.replace(asked, source=source)))
        if operator or found.organization_id in (None, organization_id):
            return found
        return Explanation(
            accepted=False,
            status=403,
            phrase="Forbidden",
            cause="not-yours",
            steps=(
                Step(
                    name="trunk",
                    passed=False,
                    detail="This source is not one of your trunks.",
                    mend="Add the source's network to a trunk, or give the trunk credentials and let it authenticate.",
                ),
            ),
        )


def _check(asked: Hypothetical) -> None:
    fields.port(asked.port)
    for field in ("to", "caller", "digest_user"):
        text = getattr(asked, field)
        if text is not None and not _sound(text):
            fields.refuse(field, "This is 1 to 500 printable characters.", text)
    if len(asked.headers) > _MOST_HEADERS:
        fields.refuse("headers", f"There are at most {_MOST_HEADERS} headers.")
    if asked.certificate is not None and asked.transport != "tls":
        fields.refuse("client_certificate", "A certificate is shown over TLS alone: say so in transport.")
    for name, value in asked.headers:
        if not _TOKEN.fullmatch(name) or not _sound(value):
            fields.refuse("headers", "A header is a token and 1 to 500 printable characters.", name)


def _sound(text: str) -> bool:
    return 0 < len(text) <= 500 and text.isprintable()
