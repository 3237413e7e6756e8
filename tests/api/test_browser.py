"""The page at /docs in a real browser: every surface is drawn, a request is made from it, and nobody else is asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.api.browser import Browser, browser
from tests.api.conftest import Client
from trunkline.api.surfaces import surfaces

OPERATIONS = "#operations > details"


async def choose(page: Browser, surface: str) -> None:
    """The title is empty until it is there."""
    await page.run(f"title.textContent = ''; surface.value = '{surface}'; surface.dispatchEvent(new Event('change'))")


async def test_people_read_every_surface_and_try_it(
    tool: Callable[[str], str], tmp_path: Path, anybody: Client, admin: Client, trunk: str
) -> None:
    async with browser(tool("chromium"), tmp_path / "profile") as page:
        base = anybody.base
        await page.open(f"{base}/docs")
        for surface in surfaces():
            count = len(surface.routes)
            await choose(page, surface.name)
            await page.until(f"title.textContent === '{surface.title}'")
            assert await page.run(f"document.querySelectorAll('{OPERATIONS}').length") == count
            # Everything unfolded: nothing is wider than the page, and no script fails.
            await page.run(f"document.querySelectorAll('{OPERATIONS}').forEach((each) => (each.open = true))")
            await page.until(f"document.querySelectorAll('{OPERATIONS} > form > button').length === {count}")
            assert await page.run("document.documentElement.scrollWidth <= innerWidth")

        await choose(page, "native")
        await page.until("title.textContent === 'Trunkline'")
        await page.run(f"key.value = '{admin.key}'; filter.value = 'get /v1/sip/trunks'")
        await page.run("filter.dispatchEvent(new Event('input'))")
        await page.until(f"document.querySelectorAll('{OPERATIONS}').length === 2")
        await page.run(f"document.querySelector('{OPERATIONS}').open = true")
        await page.until(f"document.querySelector('{OPERATIONS} button')")
        await page.run(f"document.querySelector('{OPERATIONS} button').click()")
        shown = await page.until(
            f"[...document.querySelectorAll('{OPERATIONS} > form > pre')].map((each) => each.textContent)"
            ".find((text) => text.startsWith('200'))"
        )
        assert trunk in shown
        assert page.faults == []
        assert {url for url in page.asked if not url.startswith(f"{base}/")} == set()
