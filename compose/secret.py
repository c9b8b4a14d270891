"""`python -m compose.secret [FOLDER]`: the secrets of a Compose project, made on its first start.

Each consumer has a sub-folder and mounts no other one. Nothing that exists is ever overwritten,
but for the users of Redis: these are written at each start, from `users.acl` and the passwords.
"""

import argparse
import hashlib
import os
import pathlib
import secrets
import string
import sys

FOLDER = pathlib.Path("/run/secrets")
LENGTH = 32  # bytes of randomness in each secret
# Where each secret is. The database reads the passwords of its two roles, too.
PLACES = (
    ("vote/cookie-secret",),
    ("vote/redis-password",),
    ("worker/redis-password",),
    ("result/redis-password",),
    ("worker/db-password", "db/worker-password"),
    ("result/db-password", "db/result-password"),
    ("db/postgres-password",),
    ("redis/admin-password",),
)
REDIS_USERS = {
    "vote": "vote/redis-password",
    "worker": "worker/redis-password",
    "result": "result/redis-password",
    "admin": "redis/admin-password",
}
USERS_TEMPLATE = pathlib.Path(__file__).parent / "users.acl"
COMPLETE = "complete"  # the name of the file that ends the first start


class SecretError(Exception):
    """A secret that was made before is missing or empty. The text says what to do."""


def prepare(folder: pathlib.Path) -> bool:
    """Sees to it that all secrets are there. Returns whether this was the first start.

    Raises `SecretError`, and OSError where it may not write.
    """
    first = not (folder / COMPLETE).exists()
    for places in PLACES:
        if first:
            value = next(filter(None, (_read(folder / place) for place in places)), None)
            value = value or secrets.token_urlsafe(LENGTH)
            for place in places:
                if not _read(folder / place):
                    write(folder / place, value)
        for place in places:
            if not _read(folder / place):
                raise SecretError(
                    f"{folder / place} is missing or empty, but was made on the first start: "
                    "restore the volume, or begin anew with docker compose down --volumes "
                    "(which deletes all votes)"
                )
    write(folder / "redis" / "users.acl", redis_users(folder))
    if first:
        write(folder / COMPLETE, "")
    return first


def redis_users(folder: pathlib.Path) -> str:
    """The access control list of Redis. It has the SHA-256 of each password, not the password."""
    hashes = {
        user: hashlib.sha256((_read(folder / place) or "").encode()).hexdigest()
        for user, place in REDIS_USERS.items()
    }
    lines = USERS_TEMPLATE.read_text(encoding="utf-8").splitlines()
    # Redis allows no comment in this file.
    rules = "".join(f"{line}\n" for line in lines if line and not line.startswith("#"))
    return string.Template(rules).substitute(hashes)


def write(path: pathlib.Path, text: str) -> None:
    """Writes a file as a whole or not at all, whenever the process dies.

    Any user may read it: which container sees it is decided by what that container mounts.
    """
    path.parent.mkdir(mode=0o755, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.unfinished")
    with unfinished.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
        os.fchmod(file.fileno(), 0o444)
    unfinished.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


def _read(path: pathlib.Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m compose.secret", description=__doc__)
    parser.add_argument("folder", nargs="?", type=pathlib.Path, default=FOLDER)
    try:
        first = prepare(parser.parse_args().folder)
    except (SecretError, OSError) as error:
        sys.stderr.write(f"secrets: {error}\n")
        raise SystemExit(2) from None
    sys.stderr.write("secrets: made\n" if first else "secrets: there already\n")


if __name__ == "__main__":
    main()
