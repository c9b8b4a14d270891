import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from aiohttp import ClientSession
from starlette.applications import Starlette
from yarl import URL

from common.static_files import IMMUTABLE, StaticFiles
from result.page import STATIC as RESULT_STATIC
from tests import served
from vote.page import STATIC as VOTE_STATIC


@pytest.fixture
def static(tmp_path: Path) -> StaticFiles:
    (tmp_path / "page.js").write_text("import './text.js';")
    return StaticFiles(tmp_path)


@pytest_asyncio.fixture
async def client(static: StaticFiles) -> AsyncIterator[ClientSession]:
    app = Starlette(routes=static.routes)
    async with served.opened(app, ready=False) as url, ClientSession(url) as session:
        yield session


@pytest.mark.parametrize("name", ["page.js", "text.js"])
async def test_browsers_keep_files_of_both_folders_forever(
    static: StaticFiles, client: ClientSession, name: str
) -> None:
    async with client.get(static.url(name)) as response:
        assert response.status == 200
        assert response.headers["cache-control"] == IMMUTABLE
        assert "javascript" in response.headers["content-type"]


async def test_a_page_of_another_version_gets_the_file_without_caching(
    client: ClientSession,
) -> None:
    async with client.get("/static/0123456789ab/page.js") as response:
        assert await response.text() == "import './text.js';"
        assert response.headers["cache-control"] == "no-cache"
        etag = {"if-none-match": response.headers["etag"]}
    async with client.get("/static/0123456789ab/page.js", headers=etag) as response:
        assert response.status == 304


def test_a_changed_file_changes_every_address(static: StaticFiles, tmp_path: Path) -> None:
    (tmp_path / "page.js").write_text("import './texts.js';")
    assert StaticFiles(tmp_path).url("text.js") != static.url("text.js")


@pytest.mark.parametrize("name", ["none.js", "", "%2e%2e/i18n.py", "vendor"])
async def test_other_paths_are_not_found(
    static: StaticFiles, client: ClientSession, name: str
) -> None:
    url = URL(f"/static/{static.digest}/{name}", encoded=True)
    async with client.get(url) as response:
        assert response.status == 404
    with pytest.raises(FileNotFoundError):
        static.url(name)


@pytest.mark.parametrize("static", [VOTE_STATIC, RESULT_STATIC], ids=["vote", "result"])
def test_files_refer_to_files_that_exist(static: StaticFiles) -> None:
    for folder in static.all_directories:
        for path in Path(folder).glob("*.js"):
            for name in re.findall(r'from "\./([^"]+)"', path.read_text()):
                assert static.url(name)
