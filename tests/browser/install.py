"""Find a Chromium for the tests of the pages, or install one.

`python -m tests.browser.install [--mark FILE]` creates FILE once a browser works.

It looks at CHROMIUM (a path), at the system's commands, and at Playwright's own browser. If none
works, it installs one: the distribution's as root on Debian or Ubuntu, otherwise Playwright's.
The exit status is always 0, because the tests are skipped without a browser.
"""

import os
import pathlib
import shutil
import subprocess
import sys
from collections.abc import Iterator

COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# The sandbox needs rights that root in a container does not have.
FLAGS = ("--no-sandbox",) if hasattr(os, "geteuid") and os.geteuid() == 0 else ()
# Playwright needs libatomic1, which slim images do not have.
PACKAGES = ("chromium", "libatomic1", "fonts-noto-core", "fonts-noto-cjk", "fonts-noto-color-emoji")
INSTALL_TIMEOUT = 600  # seconds for one command
ADVICE = (
    "the tests of the pages will be skipped. "
    "Install Chromium, or name one: make test CHROMIUM=/path/to/chromium"
)


def find() -> pathlib.Path | None:
    """Return a Chromium that starts, or None."""
    for candidate in _candidates():
        if candidate and version(pathlib.Path(candidate)):
            return pathlib.Path(candidate)
    return None


def _candidates() -> Iterator[str | None]:
    named = os.environ.get("CHROMIUM")
    if named:
        yield named
        return
    yield from map(shutil.which, COMMANDS)
    yield _playwrights_own()


def version(path: pathlib.Path) -> str | None:
    """Return the version of the browser at `path`, or None if it does not start."""
    try:
        # Opening a page needs all libraries of the browser; --version does not.
        subprocess.run(
            [path, *FLAGS, "--headless", "--disable-gpu", "--dump-dom", "about:blank"],
            check=True,
            capture_output=True,
            timeout=60,
        )
        answer = subprocess.run(
            [path, "--version"], check=True, capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip()


def install() -> str | None:
    """Install a browser. Return the error, or None if it worked."""
    commands = [[sys.executable, "-m", "playwright", "install", "chromium"]]
    if hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("apt-get"):
        commands = [
            ["apt-get", "-qq", "update"],
            ["apt-get", "-qq", "install", "--yes", "--no-install-recommends", *PACKAGES],
        ]
    for command in commands:
        print("browser:", " ".join(command), flush=True)
        try:
            subprocess.run(
                command,
                check=True,
                stdin=subprocess.DEVNULL,  # a question by apt-get would wait for an answer
                capture_output=True,
                text=True,
                timeout=INSTALL_TIMEOUT,
                env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
            )
        except subprocess.CalledProcessError as error:
            lines = f"{error.stderr}\n{error.stdout}".strip().splitlines() or ["no output"]
            reason = next((line for line in lines if "error" in line.lower()), lines[-1])
            return f"{command[0]} failed with exit status {error.returncode}: {reason.strip()}"
        except (OSError, subprocess.TimeoutExpired) as error:
            return str(error)
    return None


def _playwrights_own() -> str | None:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        return None
    try:
        with sync_playwright() as playwright:
            return playwright.chromium.executable_path
    except Exception:  # Playwright's own Node.js does not start
        return None


def main(arguments: list[str]) -> None:
    """Print which browser the tests use, or why they have none."""
    path = find()
    if path is None and os.environ.get("CHROMIUM"):
        print(f"browser: {os.environ['CHROMIUM']} (CHROMIUM) does not start: {ADVICE}")
        return
    if path is None:
        reason = install()
        path = find()
        if path is None:
            print(f"browser: none ({reason or 'the installed one does not start'}): {ADVICE}")
            return
    print(f"browser: {path}, {version(path)}")
    if arguments[:1] == ["--mark"]:
        pathlib.Path(arguments[1]).touch()


if __name__ == "__main__":
    main(sys.argv[1:])
