"""Why a call is not taken: the stable words, the SIP answer of each, and what would mend it.

A configuration that does not fit is never disguised as busy: each case has its own word and status, the word is on the
wire in the Reason header (RFC 3326, with Q.850 beside it as RFC 6432 allows), in the call log, the metrics and
`explain`. The sentence that says what would mend it is for those who may change it, and stays off the wire.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from trunkline.model.call import Direction
from trunkline.model.number import Number
from trunkline.model.trunk import Trunk
from trunkline.sip.status import phrase


class Cause(NamedTuple):
    status: int
    q850: int
    """The cause value of ITU-T Q.850 that says the same to a telephone network."""
    mend: str
    """What would mend it, where nothing more exact is known."""


CAUSES: Final[Mapping[str, Cause]] = {
    "malformed-uri": Cause(400, 28, "The Request-URI is not a URI."),
    "unsupported-scheme": Cause(416, 28, "Ask for a sip, sips or tel URI."),
    "unknown-source": Cause(403, 21, "Add the source address to the networks of the trunk that it belongs to."),
    "wrong-credentials": Cause(403, 21, "Use the digest user name and password of the trunk."),
    "wrong-transport": Cause(403, 21, "Send by the trunk's transport, or change the trunk."),
    "trunk-disabled": Cause(403, 21, "Enable the trunk."),
    "unknown-number": Cause(404, 1, "Import the number, or correct what the carrier dials."),
    "not-provisioned": Cause(480, 20, "Provision the number and wait until it is active."),
    "inactive": Cause(480, 20, "Activate the number."),
    "provisioning-failed": Cause(480, 20, "Provision the number again; its last attempt failed."),
    "suspended": Cause(480, 20, "End the number's suspension."),
    "inbound-not-supported": Cause(403, 21, "Set supports_inbound on the number."),
    "pin-unsupported": Cause(480, 20, "Remove the number's inbound PIN: this version cannot ask for it."),
    "no-agent": Cause(480, 20, "Assign an agent to the number."),
    "agent-gone": Cause(480, 20, "Assign an agent that exists."),
    "agent-disabled": Cause(480, 20, "Enable the agent."),
    "agent-unsupported": Cause(480, 20, "Assign an agent that is reached by SIP, or an echo agent."),
    "agent-unreachable": Cause(480, 20, "Give the agent a SIP URI or a trunk."),
    "agent-not-registered": Cause(480, 20, "Register a phone as the user of the agent's trunk."),
    "agent-trunk-gone": Cause(480, 20, "Give the agent a trunk that exists."),
    "agent-trunk-disabled": Cause(480, 20, "Enable the agent's trunk."),
    "group-empty": Cause(480, 20, "Add agents to the group."),
    "group-too-deep": Cause(480, 20, "Nest groups less deep."),
    "not-authenticated": Cause(403, 21, "Let the trunk authenticate (challenge), or call its own endpoint."),
    "caller-not-owned": Cause(
        403,
        21,
        "Call from a number of the organization, in From or P-Asserted-Identity, or give the trunk a default_caller.",
    ),
    "caller-not-active": Cause(403, 21, "Activate the calling number."),
    "outbound-not-supported": Cause(403, 21, "Set supports_outbound on the calling number."),
    "number-not-backed": Cause(403, 21, "Put the calling number on a carrier trunk."),
    "not-a-number": Cause(484, 28, "Dial a whole telephone number."),
    "emergency-not-enabled": Cause(403, 21, "Set outbound.emergency of the organization, if a carrier takes them."),
    "destination-not-allowed": Cause(403, 21, "Add the destination to outbound.allow of the organization."),
    "premium-not-allowed": Cause(403, 21, "Set outbound.premium of the organization."),
    "no-carrier": Cause(404, 3, "Give the organization a carrier trunk that takes the call."),
    "outbound-rate": Cause(503, 42, "Raise outbound.calls_per_second of the organization, or call less often."),
    "outbound-full": Cause(503, 34, "Raise outbound.concurrent_calls of the organization."),
    "outbound-limit": Cause(403, 21, "Raise outbound.daily_limit of the organization, or wait until midnight UTC."),
    "source-rate": Cause(503, 42, "Raise the calls a second that one source may bring, or slow the source down."),
    "trunk-rate": Cause(503, 42, "Raise the trunk's calls_per_second, or have the carrier slow down."),
    "trunk-full": Cause(503, 34, "Raise the trunk's max_concurrent_calls."),
    "edge-full": Cause(503, 42, "Raise the edge's max_calls, or add an edge."),
}
"""By word. `trunk-full` is 486 where the trunk says so."""


class Refused(msgspec.Struct, frozen=True, kw_only=True):
    """The INVITE is answered finally, and no call is made."""

    cause: str
    """One of `CAUSES`."""
    status: int
    detail: str
    """What was seen, as a sentence, for people."""
    mend: str
    """What would mend it, as a sentence, for people."""
    step: str
    """The step of arrival that refused."""
    retry_after: int = 0
    """Seconds for a Retry-After header; 0: none."""
    trunk: Trunk | None = None
    number: Number | None = None
    """Of the trunk's organization: one of another is not known to it."""
    caller: str | None = None
    callee: str | None = None
    direction: Direction = "inbound"
    agent_id: str | None = None
    """Who would have been called for the number; of a call out who dialled, when that is the number's agent."""
    proven: bool = False
    """Whether the sender has shown that it receives what is sent to its address."""

    @property
    def phrase(self) -> str:
        return phrase(self.status)

    @property
    def organization_id(self) -> str | None:
        """Who sees it in the call log; None when nobody's: the request was not known to be of any trunk."""
        return self.trunk.organization_id if self.trunk is not None else None

    @property
    def q850(self) -> int:
        return 17 if self.status == 486 else CAUSES[self.cause].q850

    @property
    def reason_header(self) -> str:
        """The value of the Reason header."""
        return f'SIP;cause={self.status};text="{self.cause}", Q.850;cause={self.q850}'

    def warning(self, host: str) -> str:
        """The value of a Warning header (RFC 3261 §20.43) that says the same to who reads traces. `host`: ours."""
        return f'399 {host} "{self.cause}"'
