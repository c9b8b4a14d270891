"""Create the passwords of a Compose project on its first start.

Usage: python create_passwords.py [FOLDER]

Each service mounts only its own sub-folder. Existing passwords are never replaced, because the
stores hold their counterparts. Redis's access rules are written at every start, from `users.acl`.
"""

import hashlib
import os
import secrets
import string
import sys
from pathlib import Path

# Each password and the files that hold it. Those of vote, worker and result have the names of their
# settings. The database reads the passwords of its two roles.
PASSWORDS = (
    ("vote/cookie_secret",),
    ("vote/redis_password",),
    ("worker/redis_password",),
    ("result/redis_password",),
    ("worker/db_pass", "db/worker-password"),
    ("result/db_pass", "db/result-password"),
    ("db/postgres-password",),
    ("redis/admin-password",),
)
# No store knows the presenter's token, so a missing one is created at any start.
PRESENTER_TOKEN = "result/presenter_token"  # noqa: S105 (a file name)
SERVICES = ("vote", "worker", "result")
# The names in volumes of version 0.2.
RENAMED = {
    "cookie-secret": "cookie_secret",
    "db-password": "db_pass",
    "presenter-token": "presenter_token",
    "redis-password": "redis_password",
}


def read(path: Path) -> str:
    """Return the content of a file, or "" if the file is missing or blank."""
    return path.read_text().strip() if path.exists() else ""


def write(path: Path, text: str) -> None:
    """Write a file completely or not at all, even if the process is killed."""
    path.parent.mkdir(exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(text)
    unfinished.chmod(0o444)  # the containers run as different users
    unfinished.replace(path)


def rename(folder: Path) -> None:
    """Give the files in a volume of version 0.2 their new names."""
    for service in SERVICES:
        for old, new in RENAMED.items():
            if (folder / service / old).exists():
                (folder / service / old).replace(folder / service / new)


def create_passwords(folder: Path) -> None:
    """Write every password that is missing. An interrupted first start is completed."""
    for names in PASSWORDS:
        values = [read(folder / name) for name in names]
        value = max(values) or secrets.token_urlsafe(32)
        for name, existing in zip(names, values, strict=True):
            if not existing:
                write(folder / name, value)
    os.sync()
    write(folder / "complete", "")


def redis_users(folder: Path, template: str) -> str:
    """Return Redis's access rules with the SHA-256 of each user's password."""
    files = {user: folder / user / "redis_password" for user in SERVICES}
    files["admin"] = folder / "redis" / "admin-password"
    hashes = {user: hashlib.sha256(read(file).encode()).hexdigest() for user, file in files.items()}
    # Redis accepts no comments in this file.
    rules = [line for line in template.splitlines(keepends=True) if line.startswith("user ")]
    return string.Template("".join(rules)).substitute(hashes)


def main() -> None:
    """Create the passwords, or check that none is lost, then write Redis's access rules."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "/run/secrets")
    rename(folder)
    if not (folder / "complete").exists():
        create_passwords(folder)
    for name in (name for names in PASSWORDS for name in names):
        if not read(folder / name):
            sys.exit(
                f"secrets: {folder / name} is missing or empty. Restore the volume, or delete all "
                "votes and passwords with: docker compose down --volumes"
            )
    if not read(folder / PRESENTER_TOKEN):
        write(folder / PRESENTER_TOKEN, secrets.token_urlsafe(16))
    template = Path(__file__).with_name("users.acl").read_text()
    write(folder / "redis" / "users.acl", redis_users(folder, template))


if __name__ == "__main__":
    main()
