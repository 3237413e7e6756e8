"""The address a trunk's peer sends calls to, and how a request names it back.

Every trunk has an endpoint of its own, so that trunks behind one network can be told apart: its id as the first label
of the host, under the edge's domain. Where the edge has an address and no domain, names cannot be made below it, and
the id is a URI parameter. A trunk group (RFC 4904) says the same in a third way, for peers that can set nothing else.
"""

from __future__ import annotations

from trunkline.model.ids import bare
from trunkline.model.trunk import Trunk
from trunkline.sip.uri import Uri


def endpoint(trunk: Trunk, domain: str, port: int | None = None) -> str:
    """The URI that a carrier is given for this trunk. `domain`: the edge's name, or its literal address."""
    literal = ":" in domain or domain.replace(".", "").isdigit()
    params: tuple[tuple[str, str | None], ...] = ()
    host = domain.strip("[]")
    if literal:
        params = (("trunk", trunk.id),)
    else:
        host = f"{trunk.id}.{domain}"
    if trunk.transport != "udp":
        params = (*params, ("transport", trunk.transport))
    return str(Uri("sip", None, None, host, port, params))


def named(uri: Uri, domain: str) -> str | None:
    """The trunk id that a Request-URI names, whether or not there is such a trunk; None when it names none."""
    text = uri.param("trunk") or uri.user_param("tgrp")
    if text is None and domain:
        label, dot, parent = uri.host.lower().partition(".")
        text = label if dot and parent == domain.lower() else None
    return bare(text.lower()) if text else None
