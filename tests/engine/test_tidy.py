"""When work was done and none is left, memory is looked through once, and not again until there was more."""

from __future__ import annotations

import asyncio
import gc

import pytest

from trunkline.engine import tidy


async def test_it_collects_at_rest_and_only_after_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tidy, "_EVERY", 0.001)
    turns = 0
    rest = False
    collections: list[str] = []

    def seen(phase: str, info: dict[str, int]) -> None:
        if phase == "start" and info["generation"] == 2:
            collections.append(phase)

    looked = asyncio.Event()

    def resting() -> bool:
        looked.set()
        return rest

    gc.disable()
    gc.callbacks.append(seen)
    task = asyncio.create_task(tidy.tidy_up(resting, lambda: turns))
    try:
        await asyncio.sleep(0)
        turns = 1
        await looked.wait()
        assert collections == []
        rest = True
        looked.clear()
        await looked.wait()
        await asyncio.sleep(0)
        assert len(collections) == 1
        turns = 2
        looked.clear()
        await looked.wait()
        await asyncio.sleep(0)
        assert len(collections) == 2
    finally:
        task.cancel()
        gc.callbacks.remove(seen)
        gc.enable()
