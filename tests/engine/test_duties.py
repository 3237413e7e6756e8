"""Duties: one that dies is heard of and begins anew."""

from __future__ import annotations

import asyncio

import pytest

from trunkline.engine.duties import Duties


async def test_one_that_dies_begins_anew(caplog: pytest.LogCaptureFixture) -> None:
    duties = Duties(pause=0.001)
    lives = 0

    async def fragile() -> None:
        nonlocal lives
        lives += 1
        if lives < 4:
            raise ValueError(f"life {lives}")

    await asyncio.wait_for(duties.begin("the fragile one", fragile), 5)
    assert (lives, duties.faults, len(duties)) == (4, 3, 0)
    assert caplog.text.count("the fragile one died") == 3
    assert "ValueError: life 2" in caplog.text


async def test_their_end() -> None:
    duties = Duties()
    ended = []

    async def patient(name: str) -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.append(name)

    for name in ("first", "second"):
        duties.begin(name, lambda name=name: patient(name))  # type: ignore[misc]
    await asyncio.sleep(0)
    await duties.end()
    assert (sorted(ended), len(duties), duties.faults) == (["first", "second"], 0, 0)


async def test_one_that_dies_waits_before_it_begins_anew() -> None:
    duties = Duties(pause=3600)
    lives = 0

    async def fragile() -> None:
        nonlocal lives
        lives += 1
        raise ValueError

    duties.begin("the fragile one", fragile)
    for _ in range(10):
        await asyncio.sleep(0)
    assert (lives, len(duties)) == (1, 1)
    await duties.end()
    assert len(duties) == 0
