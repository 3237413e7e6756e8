"""The native surface, `/v1`: one resource, one file. `ROUTES` is all of it."""

from __future__ import annotations

from trunkline.api.native import (
    agents,
    audit,
    bans,
    bulk_import,
    calls,
    engine_webhooks,
    keys,
    live,
    organizations,
    originate,
    phone_numbers,
    provisioning,
    registrations,
    routes,
    status,
    transcripts,
    trunks,
    verifications,
    voip_connections,
    webhooks,
)
from trunkline.api.route import Route

ROUTES: tuple[Route, ...] = (
    *trunks.ROUTES,
    *registrations.ROUTES,
    *phone_numbers.ROUTES,
    *bulk_import.ROUTES,
    *agents.ROUTES,
    *calls.ROUTES,
    *originate.ROUTES,
    *live.ROUTES,
    *transcripts.ROUTES,
    *routes.ROUTES,
    *keys.ROUTES,
    *organizations.ROUTES,
    *voip_connections.ROUTES,
    *provisioning.ROUTES,
    *webhooks.ROUTES,
    *engine_webhooks.ROUTES,
    *audit.ROUTES,
    *verifications.ROUTES,
    *bans.ROUTES,
    *status.ROUTES,
)
