import json
import subprocess
import sys

from tests import service

PROGRAM = """
import logging, structlog
from common import log
log.configure({log_format!r}, {level!r})
structlog.get_logger("redis").warning("unavailable", address="redis:6379")
structlog.get_logger("redis").debug("a detail")
logging.getLogger("asyncio").error("from a library: %s", "text")
try:
    1 / 0
except ZeroDivisionError:
    logging.getLogger("any").exception("failed")
"""


def run(log_format: str, level: str = "info") -> str:
    program = PROGRAM.format(log_format=log_format, level=level)
    ended = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, cwd=service.ROOT
    )
    assert ended.stdout == b""
    return ended.stderr.decode()


def test_json_is_one_object_per_line() -> None:
    own, library, failure = [json.loads(line) for line in run("json").splitlines()]
    assert own.pop("timestamp").endswith("Z")
    assert own == {
        "event": "unavailable",
        "level": "warning",
        "logger": "redis",
        "address": "redis:6379",
    }
    assert (library["event"], library["level"]) == ("from a library: text", "error")
    assert "ZeroDivisionError" in json.dumps(failure["exception"])


def test_plain_lines_have_no_colours_in_a_file() -> None:
    text = run("plain")
    assert "address=redis:6379" in text
    assert "ZeroDivisionError" in text
    assert "\x1b[" not in text


def test_level_is_the_setting() -> None:
    assert "a detail" in run("plain", "debug")
    assert "unavailable" not in run("plain", "error")
