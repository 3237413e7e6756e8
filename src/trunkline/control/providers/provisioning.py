"""Telling engines of numbers, and carriers where bought ones lead: asynchronous, with a state that everybody sees.

A number that is to be provisioned has a row until it is, or has failed for good; so it survives a restart. It is begun
at once, and a request waits for it a bounded time: done in time, it is answered as done. What may mend itself (no
answer, too many requests) is tried again with growing pauses; a refusal is final until somebody asks again.
"""

from __future__ import annotations

import asyncio
import logging
from typing import NamedTuple

from msgspec import structs

from trunkline.control.configuration.state import BeginJob, EndJob, State
from trunkline.control.errors import Failed, Invalid, NotFound, Refusal, Unprocessable
from trunkline.control.ports import EngineProvisioning, ProviderDirectory, TryTrunk
from trunkline.control.providers.accounts import Account, Accounts, refusal
from trunkline.control.routing.reach import stands_for
from trunkline.model.number import Number
from trunkline.model.secret import Secret
from trunkline.model.trunk import Trunk
from trunkline.providers.values import EngineNumber, Owned, ProviderError
from trunkline.store.database import errors as store_errors
from trunkline.store.rows.jobs import Job
from trunkline.store.store import Store

_log = logging.getLogger("trunkline.control")
_PAUSES = (5.0, 30.0, 120.0, 600.0)
"""Seconds between the tries of what may mend itself."""
_LOOK_EVERY = 5.0
_AT_ONCE = 8


class Counted(NamedTuple):
    """What came of telling of all numbers of a trunk."""

    total: int
    provisioned: int
    failed: int


class Provisioning:
    __slots__ = ("_accounts", "_directory", "_gate", "_patience", "_running", "_state", "_store", "_wake")

    def __init__(
        self, state: State, store: Store, directory: ProviderDirectory, accounts: Accounts, patience: float = 3.0
    ) -> None:
        """`patience`: seconds that a request waits for what it began."""
        self._state = state
        self._store = store
        self._directory = directory
        self._accounts = accounts
        self._patience = patience
        self._running: dict[str, asyncio.Task[str | None]] = {}
        self._gate = asyncio.Semaphore(_AT_ONCE)
        self._wake = asyncio.Event()

    async def number(self, organization_id: str, id: str) -> Number:
        """Tell the number's engine of it. The number as it is after a bounded wait: `active`, or still `provisioning`.
        Raises `NotFound`, `Invalid` when no engine has to be told of it, and `Failed` with the engine's words."""
        number = self._told_singly(organization_id, id)
        await self._begin([number])
        error = await self._wait(number.id)
        if error is not None:
            raise Failed("provisioning_failed", error)
        return self._state.catalogue.numbers.get(id, number)

    async def trunk(self, organization_id: str, id: str) -> Trunk:
        """Check an OpenAI project as a whole; its numbers then work, and those to come. Raises `NotFound`, `Invalid`
        for other engines, and `Unprocessable` or `Failed` with the engine's words."""
        trunk = self._trunk(organization_id, id)
        if trunk.provider != "openai":
            raise Invalid(
                "provisioning_not_supported", "Only trunks of openai are provisioned as a whole; others by number."
            )
        await self._checked(trunk)
        async with self._state.change() as draft:
            trunk = self._trunk(organization_id, id)
            wall = self._state.wall()
            trunk = structs.replace(trunk, provisioned_at=wall, reprovision_required=False, updated_at=wall)
            draft.put(trunk)
            for number in list(self._state.catalogue.numbers_on(id)):
                if number.state in ("provisioning", "failed") or number.reprovision_required:
                    draft.put(_working(number, wall))
        return trunk

    async def all_on(self, organization_id: str, id: str) -> Counted:
        """Tell of all numbers of a trunk anew. Those that are not done within a bounded time go on, and count as
        neither. Raises `NotFound`, and as `trunk` for an OpenAI project."""
        trunk = self._trunk(organization_id, id)
        numbers = list(self._state.catalogue.numbers_on(id))
        if trunk.provider != "elevenlabs":
            if trunk.provider == "openai":
                await self.trunk(organization_id, id)
            else:
                await self._fresh(trunk, numbers)
            return Counted(len(numbers), len(numbers), 0)
        mine = [each for each in numbers if each.state not in ("inactive", "suspended")]
        await self._begin(mine)
        deadline = asyncio.get_running_loop().time() + max(self._patience, 0.05 * len(mine))
        provisioned = failed = 0
        for number in mine:
            error = await self._wait(number.id, deadline)
            now = self._state.catalogue.numbers.get(number.id)
            failed += error is not None
            provisioned += error is None and now is not None and now.state == "active" and not now.reprovision_required
        if provisioned == len(mine):
            await self._fresh(trunk, [])
        return Counted(len(numbers), provisioned, failed)

    async def keep_provisioning(self) -> None:
        """Without end: begin what is due, as also what an earlier process left."""
        while True:
            try:
                await self._begin_due()
            except store_errors.StoreError as error:
                _log.warning("numbers could not be provisioned: %s", error)
            self._wake.clear()
            try:
                await asyncio.wait_for(self._wake.wait(), _LOOK_EVERY)
            except TimeoutError:
                continue

    async def close(self) -> None:
        """Stop what goes on; the next start takes it up."""
        for task in self._running.values():
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)

    # ── jobs ──────────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _begin(self, numbers: list[Number]) -> None:
        async with self._state.change() as draft:
            wall = self._state.wall()
            for known in numbers:
                number = self._state.catalogue.numbers.get(known.id)
                if number is None or number.id in self._running:
                    continue
                if number.state == "failed":
                    number = structs.replace(number, state="provisioning")
                draft.put(structs.replace(number, provision_error=None, reprovision_required=True, updated_at=wall))
                draft.along.append(BeginJob(Job(number.id, number.organization_id, 0, wall, None, wall)))
        for number in numbers:
            self._start(Job(number.id, number.organization_id, 0, 0.0))

    async def _begin_due(self) -> None:
        async with self._store.read() as unit:
            jobs = await unit.jobs.all()
        wall = self._state.wall()
        for job in jobs:
            if job.due_at <= wall:
                self._start(job)

    def _start(self, job: Job) -> None:
        if job.number_id not in self._running:
            task = asyncio.create_task(self._run(job), name=f"provisioning {job.number_id}")
            self._running[job.number_id] = task
            task.add_done_callback(lambda _: self._running.pop(job.number_id, None))

    async def _wait(self, number_id: str, deadline: float | None = None) -> str | None:
        """The error of a job that has failed within the patience; None when it has not."""
        task = self._running.get(number_id)
        if task is None:
            number = self._state.catalogue.numbers.get(number_id)
            return None if number is None or number.state == "provisioning" else number.provision_error
        loop = asyncio.get_running_loop()
        patience = self._patience if deadline is None else max(0.0, deadline - loop.time())
        done, _ = await asyncio.wait((task,), timeout=patience)
        return task.result() if done and not task.cancelled() else None

    async def _run(self, job: Job) -> str | None:
        """Do it; the error when it failed for good."""
        async with self._gate:
            try:
                return await self._done(job)
            except (store_errors.StoreError, Refusal) as error:
                # The row is still there, and is taken up again.
                _log.warning("provisioning of number %s: %s", job.number_id, error)
            return None

    async def _done(self, job: Job) -> str | None:
        number = self._state.catalogue.numbers.get(job.number_id)
        if number is None:
            async with self._store.write() as unit:
                await unit.jobs.remove(job.number_id)
            return None
        begun, trunk_id = self._state.wall(), number.trunk_id
        try:
            told = await self._tell(number)
        except ProviderError as error:
            return await self._not_told(job, error, trunk_id)
        async with self._state.change() as draft:
            number = self._state.catalogue.numbers.get(job.number_id)
            if number is not None and number.trunk_id != trunk_id:
                # Somebody put it on another trunk meanwhile, and who is behind that was not told.
                draft.put(structs.replace(number, updated_at=self._state.wall()))
                draft.along.append(EndJob(number.id))
            elif number is not None:
                trunk = self._state.catalogue.trunks.get(number.trunk_id or "")
                # Credentials that were changed meanwhile were not told of.
                again = trunk is not None and (trunk.credentials_changed_at or 0.0) > begun
                working = _working(number, self._state.wall())
                draft.put(structs.replace(working, reprovision_required=again, **told))
                draft.along.append(EndJob(number.id))
        return None

    async def _not_told(self, job: Job, error: ProviderError, trunk_id: str | None) -> str | None:
        again = error.fault in ("busy", "unavailable", "uncertain") and job.attempts < len(_PAUSES)
        if again:
            due = self._state.wall() + _PAUSES[job.attempts]
            async with self._store.write() as unit:
                await unit.jobs.postpone(job.number_id, attempts=job.attempts + 1, due_at=due, error=error.message)
        async with self._state.change() as draft:
            number = self._state.catalogue.numbers.get(job.number_id)
            if number is None:
                return None
            # A number that works goes on working as the engine knows it; of one that was moved it was another engine.
            moved = number.trunk_id != trunk_id
            state = "failed" if number.state == "provisioning" and not again and not moved else number.state
            said = number.provision_error if moved else error.message
            draft.put(structs.replace(number, state=state, provision_error=said, updated_at=self._state.wall()))
            if not again:
                draft.along.append(EndJob(number.id))
        return None if again else error.message

    # ── what is told ──────────────────────────────────────────────────────────────────────────────────────────────────

    async def _tell(self, number: Number) -> dict[str, str | None]:
        """Tell whoever has to know; what the number is to remember of it. Raises `ProviderError`."""
        if number.supply is not None and number.supply.managed:
            return await self._led(number)
        trunk = self._state.catalogue.trunks.get(number.trunk_id or "")
        if trunk is None or not trunk.engine:
            return {}
        client = self._directory.engine(trunk.provider, live=self._state.live(number.organization_id))
        credentials = engine_credentials(trunk)
        if client is None or (trunk.provider == "elevenlabs" and "api_key" not in credentials and self._live(number)):
            await self._reached(trunk)
            return {}
        return {"engine_resource_id": await client.put(credentials, await self._as_told(number, trunk))}

    def _live(self, number: Number) -> bool:
        return self._state.live(number.organization_id)

    async def _as_told(self, number: Number, trunk: Trunk) -> EngineNumber:
        agent = self._state.catalogue.agents.get(number.agent_id or "")
        external = None if agent is None else agent.external_id
        if agent is not None and external is None and stands_for(agent):
            external = agent.name
        return EngineNumber(
            e164=number.e164,
            label=number.label or number.e164,
            agent_id=external,
            resource_id=number.engine_resource_id,
            username=trunk.username,
            password=trunk.password,
            media_encryption=trunk.media_encryption,
            endpoint=await self._accounts.endpoint(number.organization_id),
        )

    async def _led(self, number: Number) -> dict[str, str | None]:
        """Lead a bought number's calls to us."""
        account = self._account(number)
        if account is None or number.supply is None:
            raise ProviderError("refused", "The account that the number was bought with is connected no more.")
        endpoint = await self._accounts.endpoint(number.organization_id)
        line = await self._accounts.line(account, endpoint)
        if endpoint is None:
            raise ProviderError("unavailable", "This edge knows no address that is reached from outside.")
        owned = Owned(e164=number.e164, resource_id=number.supply.resource_id or "", country=number.supply.country)
        await account.client.point(account.credentials, owned, endpoint, line)
        async with self._state.change() as draft:
            trunk = self._accounts.trunk(draft, number.organization_id, account, line)
        return {"trunk_id": number.trunk_id or trunk.id}

    def _account(self, number: Number) -> Account | None:
        supply = number.supply
        if supply is None or supply.provider is None:
            return None
        for account in self._accounts.connected(number.organization_id, supply.provider):
            if (None if account.connection is None else account.connection.serial) == supply.connection_id:
                return account
        return None

    async def _reached(self, trunk: Trunk) -> None:
        """Whether the engine answers over SIP, and takes the credentials: all that can be known without a key of its
        own interface. Raises `ProviderError`."""
        try:
            tried = await self._state.engine.ask(TryTrunk(trunk))
        except ConnectionError:
            raise ProviderError("unavailable", "The engine cannot try the trunk now.") from None
        if tried.status != "reachable":
            raise ProviderError("refused", f"The trunk is {tried.status}: {tried.detail or 'no answer'}.")

    async def _checked(self, trunk: Trunk) -> None:
        client: EngineProvisioning | None = self._directory.engine(
            trunk.provider, live=self._state.live(trunk.organization_id)
        )
        assert client is not None
        try:
            await client.check(engine_credentials(trunk))
        except ProviderError as error:
            told = refusal(error)
            if isinstance(told, Unprocessable):
                # A live refusal of credentials, as this surface says it.
                raise Invalid("invalid_credentials", error.message, field="credentials") from None
            raise Failed("provisioning_failed", error.message) from None

    async def _fresh(self, trunk: Trunk, numbers: list[Number]) -> None:
        """Nothing is left that the other side was not told."""
        async with self._state.change() as draft:
            wall = self._state.wall()
            now = self._state.catalogue.trunks.get(trunk.id)
            if now is not None and now.reprovision_required:
                draft.put(structs.replace(now, reprovision_required=False, updated_at=wall))
            for number in numbers:
                if number.reprovision_required:
                    draft.put(structs.replace(number, reprovision_required=False, updated_at=wall))

    def _told_singly(self, organization_id: str, id: str) -> Number:
        number = self._state.catalogue.numbers.get(id)
        if number is None or number.organization_id != organization_id:
            raise NotFound("phone_not_found", "There is no phone number with this id.")
        trunk = self._state.catalogue.trunks.get(number.trunk_id or "")
        if number.supply is not None and number.supply.connection_id is not None and not number.supply.managed:
            raise Invalid("provisioning_not_supported", "This number came by a VoIP connection: use its verify-voip.")
        if trunk is None or trunk.provider != "elevenlabs":
            kind = "no" if trunk is None else "an openai" if trunk.provider == "openai" else f"a {trunk.provider}"
            raise Invalid(
                "provisioning_not_supported",
                f"Only numbers on a trunk of elevenlabs are provisioned by number; this one is on {kind} trunk.",
            )
        return number

    def _trunk(self, organization_id: str, id: str) -> Trunk:
        trunk = self._state.catalogue.trunks.get(id)
        if trunk is None or trunk.organization_id != organization_id:
            raise NotFound("trunk_not_found", "There is no trunk with this id.")
        return trunk


def engine_credentials(trunk: Trunk) -> dict[str, Secret]:
    """What the engine's own interface takes."""
    found = dict(trunk.settings)
    if trunk.username is not None and trunk.password is not None:
        found |= {"username": Secret(trunk.username), "password": trunk.password}
    return found


def _working(number: Number, wall: float) -> Number:
    state = "active" if number.state in ("provisioning", "failed") else number.state
    return structs.replace(
        number,
        state=state,
        provisioned_at=wall,
        provision_error=None,
        reprovision_required=False,
        updated_at=wall,
    )
