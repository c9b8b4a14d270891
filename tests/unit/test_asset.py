"""Static files: hashed names, long caching, compression, what style sheets and scripts refer to."""

import gzip
import hashlib
import pathlib

import pytest

from common import asset
from result import page as result_page
from tests import asgi
from vote import page as vote_page

SCRIPT = 'import { b } from "./part/b.js";\n' + "// long enough to be worth a compression\n" * 20


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    """A few files that refer to each other."""
    (tmp_path / "part").mkdir()
    (tmp_path / "a.js").write_text(SCRIPT)
    (tmp_path / "part" / "b.js").write_text("export const b = 1;\n")
    (tmp_path / "tokens.css").write_text(":root { color: red; }\n")
    (tmp_path / "page.css").write_text(
        '@import "./tokens.css";\n\nbody { background: url("./dot.png"); }\n'
    )
    (tmp_path / "dot.png").write_bytes(b"\x89PNG")
    return tmp_path


async def get(assets: asset.Assets, url: str, method: str = "GET", **headers: str) -> asgi.Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await asgi.request(assets.app, url, method, named)


async def test_name_has_the_hash_of_what_is_sent(folder: pathlib.Path) -> None:
    assets = asset.Assets(folder)
    for name in ("a.js", "part/b.js", "page.css", "dot.png"):
        url = assets.url(name)
        answer = await get(assets, url)
        digest = hashlib.sha256(answer.body).hexdigest()[: asset.HASH_LENGTH]
        stem, suffix = name.rsplit(".", 1)
        assert url == f"/static/{stem}.{digest}.{suffix}"
        assert answer.status == 200
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"


async def test_other_names_are_asked_for_again(folder: pathlib.Path) -> None:
    """As by a page of another version of the program."""
    assets = asset.Assets(folder)
    for url in ("/static/a.js", "/static/a.00000000.js"):
        answer = await get(assets, url)
        assert (answer.status, answer.headers["cache-control"]) == (200, "no-cache")


def test_unknown_name(folder: pathlib.Path) -> None:
    with pytest.raises(KeyError):
        asset.Assets(folder).url("none.js")


@pytest.mark.parametrize(
    "path", ["/static/none.js", "/static/", "/static/../asset.py", "/static/part/../a.js"]
)
async def test_what_is_not_there(folder: pathlib.Path, path: str) -> None:
    (folder.parent / "asset.py").write_text("secret")
    assert (await get(asset.Assets(folder), path)).status == 404


async def test_a_change_in_what_is_referred_to_changes_the_name(folder: pathlib.Path) -> None:
    before = asset.Assets(folder)
    (folder / "part" / "b.js").write_text("export const b = 2;\n")
    after = asset.Assets(folder)
    assert before.url("a.js") != after.url("a.js")
    assert f'"{after.url("part/b.js")}"' in (await get(after, after.url("a.js"))).text


async def test_style_sheet_is_one_file(folder: pathlib.Path) -> None:
    assets = asset.Assets(folder)
    text = (await get(assets, assets.url("page.css"))).text
    assert "color: red" in text
    assert "@import" not in text
    assert f'url("{assets.url("dot.png")}")' in text
    assert assets.text("page.css") == text


@pytest.mark.parametrize(
    ("accepted", "encoding"),
    [
        ("gzip", "gzip"),
        ("br, GZIP;q=0.5", "gzip"),
        ("*", "gzip"),
        ("gzip;q=0", None),
        ("gzip;q=none", None),
        ("*, gzip;q=0", None),
        ("br", None),
        ("", None),
    ],
)
async def test_compression(folder: pathlib.Path, accepted: str, encoding: str | None) -> None:
    assets = asset.Assets(folder)
    answer = await get(assets, assets.url("a.js"), accept_encoding=accepted)
    assert answer.headers.get("content-encoding") == encoding
    assert answer.headers["vary"] == "Accept-Encoding"
    assert answer.headers["content-length"] == str(len(answer.body))
    plain = gzip.decompress(answer.body) if encoding else answer.body
    assert b"long enough" in plain
    assert (len(answer.body) < len(SCRIPT)) == bool(encoding)


async def test_pictures_are_not_compressed_again(folder: pathlib.Path) -> None:
    assets = asset.Assets(folder)
    answer = await get(assets, assets.url("dot.png"), accept_encoding="gzip")
    assert "content-encoding" not in answer.headers
    assert "vary" not in answer.headers
    assert answer.headers["content-type"] == "image/png"


async def test_who_has_the_file_already(folder: pathlib.Path) -> None:
    assets = asset.Assets(folder)
    url = assets.url("a.js")
    for encoding in ("gzip", "identity"):
        tag = (await get(assets, url, accept_encoding=encoding)).headers["etag"]
        again = await get(assets, url, accept_encoding=encoding, if_none_match=f'"x", {tag}')
        assert (again.status, again.body) == (304, b"")
        other = await get(assets, url, accept_encoding=encoding, if_none_match='"x"')
        assert other.status == 200


async def test_methods(folder: pathlib.Path) -> None:
    assets = asset.Assets(folder)
    url = assets.url("a.js")
    head = await get(assets, url, "HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len((await get(assets, url)).body))
    post = await get(assets, url, "POST")
    assert (post.status, post.headers["allow"]) == (405, "GET, HEAD")


def test_a_later_directory_hides_files_of_an_earlier_one(
    folder: pathlib.Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = tmp_path_factory.mktemp("other")
    (other / "dot.png").write_bytes(b"another one")
    first, second = asset.Assets(folder), asset.Assets(folder, other)
    assert first.url("dot.png") != second.url("dot.png")
    assert first.url("page.css") != second.url("page.css")
    assert first.url("a.js") == second.url("a.js")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('import "./none.js";', "a.js refers to none.js, which is not there"),
        ('import "./a.js";', "a.js refers to a.js: a circle"),
        ('import "./c.js";', "a.js refers to c.js refers to a.js: a circle"),
    ],
)
def test_wrong_references(folder: pathlib.Path, text: str, words: str) -> None:
    (folder / "a.js").write_text(text)
    (folder / "c.js").write_text('import "./a.js";')
    with pytest.raises(asset.AssetError, match=words):
        asset.Assets(folder)


async def test_what_others_have_built_is_left_as_it_is(folder: pathlib.Path) -> None:
    (folder / "vendor").mkdir()
    (folder / "vendor" / "lib.js").write_text('load("./none.js")')
    assets = asset.Assets(folder)
    assert (await get(assets, assets.url("vendor/lib.js"))).text == 'load("./none.js")'


@pytest.mark.parametrize("assets", [vote_page.ASSETS, result_page.ASSETS], ids=["vote", "result"])
async def test_the_files_of_the_pages(assets: asset.Assets) -> None:
    for name in ("icon.svg", "apple-touch-icon.png", "preview.png", "text.js", "countdown.js"):
        answer = await get(assets, assets.url(name), accept_encoding="gzip")
        assert answer.status == 200
        if name == "preview.png":
            width, height = (int.from_bytes(answer.body[at : at + 4]) for at in (16, 20))
            assert (width, height) == (1200, 630)
