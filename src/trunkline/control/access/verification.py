"""Business verification: a draft that may be filled little by little, and its submission when all of it is there."""

from __future__ import annotations

import re
from typing import TypeVar

import msgspec
from msgspec import UNSET, UnsetType, structs

from trunkline.control import fields
from trunkline.control.answers import store_answers
from trunkline.control.configuration import audit
from trunkline.control.configuration.state import State
from trunkline.control.errors import Conflict, Invalid, NotFound
from trunkline.model.verification import Business, Representative, Verification, VerificationStatus
from trunkline.store.database.paging import Page
from trunkline.store.store import Store, Unit

_EMAIL = re.compile(r"[^@\s,;<>\"]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
_WEBSITE = re.compile(r"https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?(/[^\s]*)?")
_MOST_LINES = 20

Part = TypeVar("Part", Business, Representative)

_REQUIRED = (
    ("businessProfile", ("legal_name", "entity_type", "country", "registration_id", "address", "use_case")),
    ("authorizedRepresentative", ("name", "title", "email", "phone")),
)
"""What a submission must have; the rest may stay empty."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of it: unset leaves a part, None empties it, and in a part what is empty leaves what was there."""

    business: Business | UnsetType | None = UNSET
    representative: Representative | UnsetType | None = UNSET
    attested: bool | UnsetType = UNSET


class Verifications:
    __slots__ = ("_state", "_store")

    def __init__(self, state: State, store: Store) -> None:
        self._state = state
        self._store = store

    def name(self, organization_id: str) -> str | None:
        """What the organization is called here."""
        catalogue = self._state.catalogue
        organization = catalogue.organizations.get(catalogue.owner_of(organization_id))
        return None if organization is None else organization.name

    async def of(self, organization_id: str) -> Verification | None:
        """Raises `Unavailable`."""
        with store_answers():
            async with self._store.read() as unit:
                return await unit.verifications.of(organization_id)

    async def save(self, organization_id: str, wanted: Wanted) -> Verification:
        """Raises `Invalid` for what can never be so, and `Conflict` once it was submitted."""
        return await self._change(organization_id, wanted, submit=False)

    async def submit(self, organization_id: str, wanted: Wanted) -> Verification:
        """Raises `Invalid`, also while something is lacking or not attested, and `Conflict` once it was submitted."""
        return await self._change(organization_id, wanted, submit=True)

    async def page(self, status: VerificationStatus | None, page: int, per_page: int) -> Page[Verification]:
        """Of all organizations, the latest first. Raises `Unavailable`."""
        with store_answers():
            async with self._store.read() as unit:
                return await unit.verifications.page(status, page, per_page)

    async def decide(self, id: str, approved: bool, reason: str | None) -> Verification:
        """What an operator says of a submission. A rejected one is a draft again, with the reason. Raises `NotFound`,
        `Invalid` for a rejection without a reason, and `Conflict` for what was not submitted."""
        if not approved and (reason is None or not reason.strip()):
            raise Invalid("missing_required_field", "A rejection says what is to be mended.", field="reason")
        with store_answers():
            async with self._store.write() as unit:
                before = await unit.verifications.called(id)
                if before is None:
                    raise NotFound("verification_not_found", "There is no verification with this id.")
                if before.status not in (("submitted",) if approved else ("submitted", "approved")):
                    raise Conflict("verification_not_submitted", f"The verification is {before.status}.")
                after = structs.replace(
                    before,
                    status="approved" if approved else "rejected",
                    rejection_reason=None if approved else reason,
                    updated_at=self._state.wall(),
                )
                await self._write(unit, before, after)
        return after

    async def _change(self, organization_id: str, wanted: Wanted, *, submit: bool) -> Verification:
        wall = self._state.wall()
        with store_answers():
            async with self._store.write() as unit:
                before = await unit.verifications.of(organization_id)
                if before is not None and before.status in ("submitted", "approved"):
                    raise Conflict("verification_submitted", f"The verification is {before.status} already.")
                base = before or Verification(
                    id=self._state.mint(), organization_id=organization_id, created_at=wall, updated_at=wall
                )
                after = structs.replace(_applied(base, wanted, wall), updated_at=wall)
                if submit:
                    _whole(after)
                    after = structs.replace(after, status="submitted", submitted_at=wall, rejection_reason=None)
                await self._write(unit, before, after)
        return after

    async def _write(self, unit: Unit, before: Verification | None, after: Verification) -> None:
        await unit.verifications.put(after)
        entry = audit.entry(
            self._state.mint,
            after.updated_at,
            after.organization_id,
            "create" if before is None else "update",
            "verification",
            after.id,
            changes=audit.differences(before, after),
        )
        await unit.audit.add([entry])


def _applied(base: Verification, wanted: Wanted, wall: float) -> Verification:
    business, person, attested_at = base.business, base.representative, base.attested_at
    if wanted.business is not UNSET:
        business = Business() if wanted.business is None else _merged(business, wanted.business)
    if wanted.representative is not UNSET:
        person = Representative() if wanted.representative is None else _merged(person, wanted.representative)
    if wanted.attested is not UNSET:
        attested_at = (attested_at or wall) if wanted.attested else None
    _sound(business, person)
    if business.country is not None:
        business = structs.replace(business, country=business.country.upper())
    return structs.replace(base, business=business, representative=person, attested_at=attested_at)


def _merged(before: Part, said: Part) -> Part:
    return structs.replace(before, **{name: value for name, value in structs.asdict(said).items() if value})


def _sound(business: Business, person: Representative) -> None:
    if business.website is not None and not _WEBSITE.fullmatch(business.website):
        fields.refuse("businessProfile.website", "This is an http or https URL.", business.website)
    if business.country is not None:
        fields.known_country(business.country, "businessProfile.country")
    if len(business.address) > _MOST_LINES or any(
        len(key) > 100 or len(value) > 200 for key, value in business.address.items()
    ):
        fields.refuse("businessProfile.address", f"An address has at most {_MOST_LINES} parts of 200 characters.")
    if person.email is not None and not _EMAIL.fullmatch(person.email):
        fields.refuse("authorizedRepresentative.email", "This is an e-mail address.", person.email)
    if person.phone is not None:
        fields.phone_number(person.phone, "authorizedRepresentative.phone")


def _whole(verification: Verification) -> None:
    parts = (verification.business, verification.representative)
    for part, (title, names) in zip(parts, _REQUIRED, strict=True):
        for name in names:
            if not getattr(part, name):
                field = f"{title}.{fields.camel(name)}"
                raise Invalid("missing_required_field", f"{field} is required to submit.", field=field)
    if verification.attested_at is None:
        raise Invalid(
            "missing_required_field", "attestationAccepted must be true to submit.", field="attestationAccepted"
        )
