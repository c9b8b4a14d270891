import pytest

from common.page_url import of_result, of_vote
from tests import reader


@pytest.mark.parametrize(
    ("scheme", "host", "vote"),
    [
        ("http", "localhost:8081", "http://localhost:8080/"),
        ("http", "192.168.1.7:5001", "http://192.168.1.7:5000/"),
        ("http", "node.example:31001", "http://node.example:31000/"),
        ("http", "[fe80::1]:8081", "http://[fe80::1]:8080/"),
        ("http", "node.example:31003", "http://node.example:31002/"),
        ("https", "result.example", None),
        ("https", "result.example:8443", None),
        ("http", "localhost:8080", None),
    ],
)
def test_vote_page_of_a_result_page(scheme: str, host: str, vote: str | None) -> None:
    assert of_vote(reader.request(scheme=scheme, host=host)) == vote


@pytest.mark.parametrize(
    ("scheme", "host", "result"),
    [
        ("http", "localhost:8080", "http://localhost:8081/"),
        ("http", "192.168.1.7:5000", "http://192.168.1.7:5001/"),
        ("http", "node.example:31000", "http://node.example:31001/"),
        ("http", "[fe80::1]:8080", "http://[fe80::1]:8081/"),
        ("https", "vote.example", None),
        ("https", "vote.example:8443", None),
        ("http", "localhost:8081", None),
    ],
)
def test_result_page_of_a_vote_page(scheme: str, host: str, result: str | None) -> None:
    assert of_result(reader.request(scheme=scheme, host=host)) == result
