"""A browser that keeps no cookies: each of its votes is one of a new voter."""

import json
import pathlib

import pytest
from playwright.async_api import Browser, expect

from tests.browser import install, system, visitor

pytestmark = pytest.mark.asyncio(loop_scope="package")

BLOCKED = {"profile": {"default_content_setting_values": {"cookies": 2}}}


async def test_it_is_not_told_that_a_vote_can_be_changed(
    running: system.System, browser: Browser, chromium: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    profile = tmp_path / "Default"
    profile.mkdir()
    (profile / "Preferences").write_text(json.dumps(BLOCKED))
    async with await browser.browser_type.launch_persistent_context(
        tmp_path, executable_path=chromium, args=list(install.FLAGS), locale="en-GB"
    ) as context:
        phone = visitor.Visitor(context, context.pages[0])
        phone.listen()
        notice = phone.page.locator("#notice")
        await phone.open(running.vote.url)
        await expect(notice).to_have_text(
            "Tap your choice. You cannot change it later: this browser keeps no cookies."
        )
        await phone.cast("a")
        taken = "is in. This browser keeps no cookies: another choice is another vote."
        await expect(notice).to_have_text(f"Your vote for Cats {taken}")
        await phone.look("vote-no-cookies", screens=["phone", "desktop"])
        # What the server thinks of somebody whom it does not know is no news.
        for _ in range(2):
            async with phone.page.expect_response(running.vote.url + "/"):
                await phone.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        await expect(notice).to_have_text(f"Your vote for Cats {taken}")
        await phone.cast("b")
        await expect(notice).to_have_text(f"Your vote for Dogs {taken}")
        with phone.network_errors():
            await phone.page.route("**/api/votes", lambda route: route.abort())
            await phone.option("a").click()
            await expect(notice).to_have_text(
                "No answer: your vote for Cats may not have been taken. "
                "This browser keeps no cookies: sent again, it may count twice."
            )
        assert phone.problems == []
    await running.drained()
    assert await running.tallies() == {"a": 1, "b": 1}
