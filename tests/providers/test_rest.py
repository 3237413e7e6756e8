"""What every client of a provider's REST relies on: what is repeated and what is not, and that no secret is told."""

from __future__ import annotations

import pytest

from tests.providers.carrier import KEY, SID, TOKEN, Carrier
from trunkline.model.secret import Secret
from trunkline.providers.registry import Providers
from trunkline.providers.rest import Rest, clean
from trunkline.providers.values import ProviderError

GOOD = {"account_sid": Secret(SID), "auth_token": Secret(TOKEN)}
NUMBER = "+14155550100"


@pytest.mark.parametrize("fault", ["500", "503", "429", "silence", "cut"])
async def test_reading_is_tried_again(carrier: Carrier, providers: Providers, fault: str) -> None:
    carrier.fail("GET", fault, fault)
    account = await providers.numbers("twilio", live=True).test(GOOD)
    assert account.name == "Acme's account"
    assert len(carrier.asked) == 3


@pytest.mark.parametrize("fault", ["500", "silence", "cut", "garbage", "done-cut", "done-silence"])
async def test_a_purchase_is_sent_once_and_its_fate_left_open(
    carrier: Carrier, providers: Providers, fault: str
) -> None:
    carrier.fail("POST", fault)
    with pytest.raises(ProviderError) as raised:
        await providers.numbers("twilio", live=True).buy(GOOD, NUMBER, "handle")
    assert raised.value.fault == "uncertain"
    assert [line for line in carrier.asked if line.startswith("POST")] == [carrier.asked[0]]
    assert len(carrier.sold) == fault.startswith("done-")


async def test_a_purchase_that_was_certainly_not_done_is_sent_again(carrier: Carrier, providers: Providers) -> None:
    carrier.fail("POST", "429", "429")
    owned = await providers.numbers("twilio", live=True).buy(GOOD, NUMBER, "handle")
    assert (owned.e164, carrier.sold) == (NUMBER, [NUMBER])


async def test_nobody_there_is_told_as_such(providers: Providers) -> None:
    rest = Rest(timeout=0.4, tries=2, sleep=lambda _: _soon())
    with pytest.raises(ProviderError, match="cannot be reached") as raised:
        await rest.send("twilio", "POST", "http://127.0.0.1:1/x", form={})
    await rest.close()
    assert raised.value.fault == "unavailable"


@pytest.mark.parametrize(("provider", "credentials"), [("twilio", GOOD), ("telnyx", {"api_key": Secret(KEY)})])
async def test_the_providers_own_words_are_shown_without_a_credential(
    carrier: Carrier, providers: Providers, provider: str, credentials: dict[str, Secret]
) -> None:
    carrier.fail("GET", "401")
    with pytest.raises(ProviderError, match="answered 401: Something is wrong with") as raised:
        await providers.numbers(provider, live=True).test(credentials)
    assert raised.value.fault == "credentials"
    assert [value.reveal() in raised.value.message for value in credentials.values()] == [False] * len(credentials)


async def test_a_key_in_the_query_is_never_told(carrier: Carrier, providers: Providers) -> None:
    """Vonage takes its secret in the URL."""
    credentials = {"api_key": Secret("abcd1234"), "api_secret": Secret("ABCDEFGH12345678")}
    with pytest.raises(ProviderError) as raised:
        await providers.numbers("vonage", live=True).test(credentials)
    shown = f"{raised.value!r} {raised.value.__cause__!r} {raised.value.__context__!r}"
    assert "ABCDEFGH" not in shown
    assert "abcd1234" not in shown


def test_somebody_elses_words_are_one_bounded_line() -> None:
    assert clean("a\r\nb\x00c " + "x" * 1000) == "a b c " + "x" * 294 + "…"


async def _soon() -> None:
    return
