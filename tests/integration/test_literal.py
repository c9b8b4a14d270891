"""Arrays as text: Postgres reads what was written, whatever the characters."""

import asyncpg
import pytest

from tests import store
from worker import literal

SURROGATES = range(0xD800, 0xE000)  # no characters, and in no ballot: orjson refuses them
EVERY_CHARACTER = [
    "".join(chr(code) for code in range(first, first + 256) if code and code not in SURROGATES)
    for first in range(0, 0x110000, 256)
]
TELLING = [
    *("NULL", "null", "", " ", " a ", "{}", "{a,b}", ",", '"', "\\", '\\"', '"\\', '","', "\\\\"),
    *("\n", "\t", "\\n", "\\0", "'", "''", "$1", "a\\", 'a"', "é", "\u202e", "😀"),
]


@pytest.mark.parametrize("values", [[], [""], TELLING, EVERY_CHARACTER])
async def test_texts(stores: store.Stores, values: list[str]) -> None:
    db = await asyncpg.connect(stores.database_url)
    assert await db.fetchval("SELECT $1::text::text[]", literal.of_texts(values)) == values
    await db.close()


@pytest.mark.parametrize("values", [[], [0], [1, -2, 2**53, -(2**63), 2**63 - 1]])
async def test_numbers(stores: store.Stores, values: list[int]) -> None:
    db = await asyncpg.connect(stores.database_url)
    assert await db.fetchval("SELECT $1::text::bigint[]", literal.of_numbers(values)) == values
    await db.close()
