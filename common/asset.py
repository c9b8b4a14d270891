"""Static files under names that carry a hash of their content, compressed once at start."""

import dataclasses
import gzip
import hashlib
import mimetypes
import pathlib
import re

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

PREFIX = "/static"  # where an app mounts its assets
HASH_LENGTH = 8  # hexadecimal digits in a file name
FOREVER = "public, max-age=31536000, immutable"
MUST_ASK = "no-cache"  # stored, but asked for again each time, with the ETag
TEXT_SUFFIXES = frozenset({".css", ".js", ".json", ".svg", ".txt"})
# The system's table of types differs from machine to machine.
MEDIA_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".txt": "text/plain; charset=utf-8",
}
_HASHED = re.compile(rf"^(?P<stem>.+)\.(?P<hash>[0-9a-f]{{{HASH_LENGTH}}})(?P<suffix>\.[a-z0-9]+)$")
_IMPORT = re.compile(r"""^@import "\./(?P<name>[\w./-]+)";$""", re.MULTILINE)
_REFERENCE = re.compile(r"""(?<=["'(])\./(?P<name>[\w./-]+)(?=["')])""")


class AssetError(ValueError):
    """A file refers to a file that is not there, or to itself."""


@dataclasses.dataclass(frozen=True, slots=True)
class Asset:
    """One file as it goes over the wire."""

    name: str
    digest: str
    media_type: str
    body: bytes
    compressed: bytes | None  # by gzip; None where that does not make it smaller

    @property
    def hashed_name(self) -> str:
        path = pathlib.PurePosixPath(self.name)
        return str(path.with_name(f"{path.stem}.{self.digest}{path.suffix}"))


class Assets:
    """The files of some directories, and `app`, which serves them below `PREFIX`.

    A later directory may hide a file of an earlier one. A text file names another one as
    "./name": that becomes its hashed name. In a style sheet, `@import "./name";` on a line of its
    own is replaced by that file, so that a page asks for one style sheet. Raises `AssetError`.
    """

    def __init__(self, *directories: pathlib.Path) -> None:
        self._sources: dict[str, pathlib.Path] = {}
        for directory in directories:
            for path in sorted(directory.rglob("*")):
                if path.is_file():
                    self._sources[path.relative_to(directory).as_posix()] = path
        self._assets: dict[str, Asset] = {}
        for name in self._sources:
            self._load(name, ())

    def url(self, name: str) -> str:
        """The path under which a page asks for `name`. Raises `KeyError` if there is none."""
        return f"{PREFIX}/{self._assets[name].hashed_name}"

    def text(self, name: str) -> str:
        """The content of `name`, for a page that holds it. Raises `KeyError` if there is none."""
        return self._assets[name].body.decode()

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = self._respond(scope) if scope["type"] == "http" else Response(status_code=404)
        await response(scope, receive, send)

    def _respond(self, scope: Scope) -> Response:
        if scope["method"] not in ("GET", "HEAD"):
            return Response(status_code=405, headers={"Allow": "GET, HEAD"})
        path = scope["path"].removeprefix(scope.get("root_path", "")).removeprefix(PREFIX)
        name, digest = self._split(path.lstrip("/"))
        asset = self._assets.get(name)
        if asset is None:
            return Response("There is no such file.\n", 404, media_type="text/plain")
        request = Headers(scope=scope)
        gzipped = asset.compressed is not None and accepts_gzip(request)
        headers = {
            # While replicas of two versions run, a page of the one may ask the other: it gets the
            # file as it is here, and keeps it no longer than this page.
            "Cache-Control": FOREVER if digest == asset.digest else MUST_ASK,
            "ETag": f'"{asset.digest}{"-gzip" if gzipped else ""}"',
        }
        if asset.compressed is not None:
            headers["Vary"] = "Accept-Encoding"
        if headers["ETag"] in request.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        body = asset.body
        if gzipped and asset.compressed is not None:
            headers["Content-Encoding"] = "gzip"
            body = asset.compressed
        response = Response(body, headers=headers, media_type=asset.media_type)
        if scope["method"] == "HEAD":
            response.body = b""
        return response

    def _split(self, path: str) -> tuple[str, str | None]:
        found = _HASHED.match(path)
        if path in self._assets or not found:
            return path, None
        return found["stem"] + found["suffix"], found["hash"]

    def _load(self, name: str, above: tuple[str, ...]) -> Asset:
        if name in self._assets:
            return self._assets[name]
        if name in above:
            raise AssetError(f"{' refers to '.join((*above, name))}: a circle")
        body = self._read(name, above)
        suffix = pathlib.PurePosixPath(name).suffix
        asset = Asset(
            name=name,
            digest=hashlib.sha256(body).hexdigest()[:HASH_LENGTH],
            media_type=MEDIA_TYPES.get(suffix)
            or mimetypes.guess_type(name)[0]
            or "application/octet-stream",
            body=body,
            compressed=_compress(body) if suffix in TEXT_SUFFIXES else None,
        )
        self._assets[name] = asset
        return asset

    def _read(self, name: str, above: tuple[str, ...]) -> bytes:
        path = self._sources[name]
        body = path.read_bytes()
        # What others have built is served as it came.
        if path.suffix not in (".css", ".js") or "vendor" in pathlib.PurePosixPath(name).parts:
            return body
        folder = pathlib.PurePosixPath(name).parent

        def other(found: re.Match[str]) -> Asset:
            target = (folder / found["name"]).as_posix()
            if target not in self._sources:
                raise AssetError(f"{name} refers to {target}, which is not there")
            return self._load(target, (*above, name))

        text = body.decode()
        text = _IMPORT.sub(lambda found: other(found).body.decode(), text)
        text = _REFERENCE.sub(lambda found: f"{PREFIX}/{other(found).hashed_name}", text)
        return text.encode()


def _compress(body: bytes) -> bytes | None:
    small = gzip.compress(body, 9, mtime=0)
    return small if len(small) < len(body) else None


def accepts_gzip(request: Headers) -> bool:
    """Whether the client takes gzip (RFC 9110, 12.5.3)."""
    weights: dict[str, float] = {}
    for part in request.get("accept-encoding", "").lower().split(","):
        coding, _, parameter = part.partition(";")
        try:
            weights[coding.strip()] = float(parameter.partition("=")[2] or 1)
        except ValueError:
            weights[coding.strip()] = 0
    return weights.get("gzip", weights.get("*", 0)) > 0
