"""The settings of the result service."""

import ipaddress
import re

import pydantic

from common import poll_setting, settings

MAX_URL = 500  # characters
# What a browser opens: a host by name or by its address, perhaps a user before and a port behind.
_URL = re.compile(
    r"""https?://
    (?:[^\s/?#]*@)?
    (?:\[(?P<address>[0-9A-Fa-f:.]+)\]|[^\s/?#@:\[\]<>\\^|%"]+)
    (?::(?P<port>[0-9]*))?
    (?:[/?#]\S*)?""",
    re.VERBOSE,
)


class Settings(poll_setting.PollSettings, settings.RedisSettings, settings.DatabaseSettings):
    """Where result listens, what was asked, where Postgres is, and perhaps Redis."""

    port: settings.Port = 8081
    # Only the status strip needs Redis: not set, result works without.
    redis_host: str | None = None
    vote_url: str | None = None

    @pydantic.field_validator("vote_url")
    @classmethod
    def _whole(cls, url: str | None) -> str | None:
        if not url:
            return url
        if len(url) > MAX_URL:
            raise ValueError(f"must have at most {MAX_URL} characters: it becomes a QR code")
        found = _URL.fullmatch(url)
        if not found or (found["address"] and not _is_address(found["address"])):
            raise ValueError(
                "must be a whole URL without spaces, of http or https, "
                "as in https://vote.example.org/ or http://[2001:db8::1]:8080/"
            )
        if not url.isprintable():  # under the QR code it would be read as another address
            hidden = next(letter for letter in url if not letter.isprintable())
            raise ValueError(
                f"has U+{ord(hidden):04X}, which cannot be seen: remove it, or percent-encode it"
            )
        if found["port"] and not 0 < int(found["port"]) <= settings.MAX_PORT:
            raise ValueError(f"port {found['port']} is none: ports are 1 to {settings.MAX_PORT}")
        return url

    @property
    def has_redis(self) -> bool:
        return bool(self.redis_url or self.redis_host)


def _is_address(text: str) -> bool:
    try:
        ipaddress.IPv6Address(text)
    except ValueError:
        return False
    return True
