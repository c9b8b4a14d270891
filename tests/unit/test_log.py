"""Logs go to stderr: lines for people, or an object of JSON a line for machines."""

import json
import subprocess
import sys

PROGRAM = """
import asyncio
import logging
import socket
import structlog
from common import log

loop = asyncio.new_event_loop()

log.configure({log_format!r}, {level!r})
structlog.get_logger("redis").warning("away, trying again", address="redis:6379", odd={{1}})
structlog.get_logger("redis").debug("a detail")
logging.getLogger("asyncio").error("of a library: %s", "text")
logging.getLogger("uvicorn.error").info("Started server process")
for error in (socket.gaierror("no such name"), OSError("no such file")):
    unread = loop.create_future()
    unread.set_exception(error)
    del unread
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("any").exception("failed")
try:
    raise socket.gaierror("no such host")
except OSError:
    logging.getLogger("asyncio").exception("failed, and that is news")
"""


def run(log_format: str, level: str = "info") -> str:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(log_format=log_format, level=level)],
        check=True,
        capture_output=True,
        text=True,
    )
    assert ended.stdout == ""
    return ended.stderr


def test_json_lines() -> None:
    lines = [json.loads(line) for line in run("json").splitlines()]
    own, library, unread, failure, news = lines
    assert (
        own.items()
        >= {
            "event": "away, trying again",
            "level": "warning",
            "logger": "redis",
            "address": "redis:6379",
            "odd": "{1}",
        }.items()
    )
    assert own["timestamp"].endswith("Z")
    assert (library["event"], library["level"]) == ("of a library: text", "error")
    assert unread["event"].startswith("Future exception was never retrieved")
    assert "no such file" in unread["event"]
    assert (failure["event"], failure["logger"]) == ("failed", "any")
    assert "ZeroDivisionError" in json.dumps(failure["exception"])
    assert news["event"] == "failed, and that is news"


def test_plain_lines() -> None:
    text = run("plain")
    assert "away, trying again" in text
    assert "address=redis:6379" in text
    assert "of a library: text" in text
    assert "ZeroDivisionError" in text
    assert "a detail" not in text
    assert "Started server process" not in text
    assert "\x1b[" not in text  # no colours: this is no terminal


def test_the_level_is_that_of_the_setting() -> None:
    assert "a detail" in run("plain", "debug")
    assert "away, trying again" not in run("plain", "error")
