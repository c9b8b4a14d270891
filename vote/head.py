"""The head of a vote, read where nothing about it is unusual.

A server looks at each letter of each header, calls back for each and asks what it means. Here one
regular expression does, for a request that has arrived as a whole; of whatever is longer, rarer or
less clear this knows nothing, and the server reads it.
"""

import re
import typing

START = b"POST /"
PLAIN = re.compile(
    # A token, RFC 9110 5.6.2, and a value without control characters, 5.5.
    rb"POST (/|/api/votes) HTTP/1\.1(?:\r\n[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t -~\x80-\xff]*)+"
)
# Headers by which a body, or a connection, is another than it seems.
UNUSUAL = frozenset({b"transfer-encoding", b"expect", b"upgrade", b"proxy-connection"})
CONNECTION = frozenset({None, b"keep-alive", b"close"})


class Request(typing.NamedTuple):
    """A request. `headers`: names in lower case."""

    path: bytes
    headers: dict[bytes, bytes]
    body: bytes


def read(request: bytes) -> Request | None:
    """What is in `request`.

    None unless it is one whole post of a vote by HTTP/1.1 whose headers differ from one another,
    and whose body is as long as they say.
    """
    if not request.startswith(START):
        return None
    head, _, body = request.partition(b"\r\n\r\n")
    plain = PLAIN.fullmatch(head)
    if plain is None:
        return None
    lines = head.split(b"\r\n")
    headers: dict[bytes, bytes] = {}
    for line in lines[1:]:
        name, _, value = line.partition(b":")
        headers[name.lower()] = value.strip(b" \t")
    if (
        len(headers) != len(lines) - 1
        or headers.get(b"content-length") != b"%d" % len(body)
        or headers.get(b"connection") not in CONNECTION
        or not UNUSUAL.isdisjoint(headers)
    ):
        return None
    return Request(plain[1], headers, body)
