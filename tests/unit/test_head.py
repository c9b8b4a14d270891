"""What the short way takes a request for is what the server's parser takes it for."""

import httptools
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vote import head

BODY = b"vote=a"
BROWSER = [
    b"Host: vote.example:8080",
    b"Connection: keep-alive",
    b"Content-Length: 6",
    b"Origin: http://vote.example:8080",
    b"Content-Type: application/x-www-form-urlencoded",
    b"User-Agent: Mozilla/5.0 (Linux; Android 10; K) Chrome/130.0.0.0 Mobile",
    b"Sec-Fetch-Site: same-origin",
    b"Upgrade-Insecure-Requests: 1",
    b"Cookie: voter_id=0123.abc; vote=b",
]


def request(*lines: bytes, start: bytes = b"POST / HTTP/1.1", body: bytes = BODY) -> bytes:
    return b"\r\n".join([start, *lines, b"", body])


class Parsed:
    """The same by the parser of the server."""

    def __init__(self, data: bytes) -> None:
        self.url = self.body = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.completed = 0
        self.keep_alive = self.upgrade = False
        self.parser = httptools.HttpRequestParser(self)
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers.append((name.lower(), value.strip(b" \t")))

    def on_headers_complete(self) -> None:
        self.keep_alive = self.parser.should_keep_alive()
        self.upgrade = self.parser.should_upgrade()

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.completed += 1


def test_the_post_of_a_browser_is_read() -> None:
    read = head.read(request(*BROWSER))
    assert read is not None
    path, headers, body = read
    assert (path, body) == (b"/", BODY)
    assert len(headers) == len(BROWSER)
    assert headers[b"cookie"] == b"voter_id=0123.abc; vote=b"
    assert headers[b"content-type"] == b"application/x-www-form-urlencoded"


LENGTH = b"content-length: 6"
UNCLEAR = [
    request(LENGTH, start=b"POST /? HTTP/1.1"),
    request(LENGTH, start=b"POST / HTTP/1.0"),
    request(LENGTH, start=b"GET / HTTP/1.1"),
    request(LENGTH)[:-1],
    request(LENGTH) + b"x",
    request(LENGTH) + request(LENGTH),
    request(),
    request(b"host: a"),
    request(b"content-length: 06"),
    request(b"content-length: +6"),
    request(b"content-length: 6, 6"),
    request(LENGTH, LENGTH),
    request(LENGTH, b"Content-Length: 7"),
    request(LENGTH, b"a: b", b"A: c"),
    request(LENGTH, b"transfer-encoding: chunked"),
    request(LENGTH, b"Transfer-Encoding : chunked"),
    request(LENGTH, b"transfer-encoding\t: chunked"),
    request(LENGTH, b"expect: 100-continue"),
    request(LENGTH, b"connection: upgrade", b"upgrade: h2c"),
    request(LENGTH, b"upgrade: h2c"),
    request(LENGTH, b"connection: close, te"),
    request(LENGTH, b"proxy-connection: close"),
    request(LENGTH, b"no colon"),
    request(LENGTH, b": no name"),
    request(LENGTH, b"a: b", b" folded"),
    request(LENGTH, b"a: b\rc: d"),
    request(LENGTH, b"a: b\nc: d"),
    request(LENGTH, b"a: \x00"),
    request(LENGTH, b"a: \x7f"),
    request(LENGTH, b"\xe4: b"),
    request(LENGTH).replace(b"\r\n", b"\n"),
    b"\r\n" + request(LENGTH),
]


@pytest.mark.parametrize("data", UNCLEAR)
def test_what_is_not_clear_is_left_to_the_server(data: bytes) -> None:
    assert head.read(request(LENGTH)) is not None
    assert head.read(data) is None


NAMES = (
    *(b"Host", b"Cookie", b"Connection", b"Content-Length", b"content-length", b"Expect", b"x"),
    *(b"Transfer-Encoding", b"Upgrade", b"Proxy-Connection", b"Keep-Alive", b"TE", b"Trailer"),
)
VALUES = (
    *(b"6", b"06", b"7", b"close", b"Close", b"keep-alive", b"keep-alive\t", b"close, x", b""),
    *(b"chunked", b"identity", b"upgrade", b"h2c", b"websocket", b"100-continue"),
)
NAME = st.sampled_from(NAMES) | st.binary(max_size=3)
VALUE = st.sampled_from(VALUES) | st.binary(max_size=4)
LINE = st.builds(
    lambda name, colon, value: name + colon + value,
    NAME,
    st.sampled_from([b": ", b":", b" :", b":\t", b": \t ", b""]),
    VALUE,
)
END = st.sampled_from([b"\r\n"] * 8 + [b"\n", b"\r", b"\r\n ", b"\r\r\n"])


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    lines = [*draw(st.lists(LINE, max_size=3)), *draw(st.sampled_from([[LENGTH]] * 5 + [[]]))]
    path = draw(st.sampled_from([b"/", b"/api/votes", b"/api/votes/", b"/api", b"//"]))
    data = b"POST %b HTTP/1.1%b" % (path, draw(END))
    for line in draw(st.permutations(lines)):
        data += line + draw(END)
    return data + b"\r\n" + draw(st.sampled_from([BODY] * 8 + [b"", BODY + b"\r\n"]))


@given(requests())
@example(request(*BROWSER))
@example(request(LENGTH, b"Connection: close"))
@example(request(b"content-length:6 ", b"connection:\tkeep-alive\t"))
def test_what_is_read_is_what_the_server_reads(data: bytes) -> None:
    read = head.read(data)
    if read is None:
        return
    path, headers, body = read
    parsed = Parsed(data)
    assert (parsed.parser.get_method(), parsed.url) == (b"POST", path)
    assert parsed.parser.get_http_version() == "1.1"
    assert parsed.headers == list(headers.items())
    assert (parsed.body, parsed.completed) == (body, 1)
    assert parsed.keep_alive == (headers.get(b"connection") != b"close")
    assert not parsed.upgrade
    assert b"expect" not in headers
