"""Static files of a page: its own and those of both pages, cached for a year."""

import hashlib
from pathlib import Path

import starlette.staticfiles
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount
from starlette.types import Scope

DIGEST_LENGTH = 12  # hexadecimal digits
IMMUTABLE = "public, max-age=31536000, immutable"


class StaticFiles(starlette.staticfiles.StaticFiles):
    """Serve a service's folder, then `common/static`, under `/static/<digest>/`.

    The digest covers all files. A change of one file changes every address, so browsers may keep
    files forever, and files may refer to each other by relative names.
    """

    def __init__(self, directory: Path) -> None:
        super().__init__(directory=directory, packages=[("common", "static")])
        self._names: set[str] = set()
        digest = hashlib.sha256()
        for folder in map(Path, self.all_directories):
            for path in sorted(folder.rglob("*")):
                if path.is_file():
                    name = path.relative_to(folder).as_posix()
                    self._names.add(name)
                    digest.update(f"{name} {path.stat().st_size}\n".encode())
                    digest.update(path.read_bytes())
        self.digest = digest.hexdigest()[:DIGEST_LENGTH]

    @property
    def routes(self) -> list[BaseRoute]:
        """Return the routes that an app mounts."""
        compressed = Middleware(GZipMiddleware, minimum_size=500)
        return [Mount("/static/{digest}", self, name="static", middleware=[compressed])]

    def url(self, name: str) -> str:
        """Return the path of a file.

        Raises:
            FileNotFoundError: Neither folder has this file.
        """
        if name not in self._names:
            raise FileNotFoundError(f"{name}: no static file has this name")
        return f"/static/{self.digest}/{name}"

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return the file. Let browsers keep it forever if the digest is this replica's."""
        response = await super().get_response(path, scope)
        # During a rollout, a page of another version may ask this replica for its files.
        is_own = scope["path_params"]["digest"] == self.digest
        response.headers["Cache-Control"] = IMMUTABLE if is_own else "no-cache"
        return response
