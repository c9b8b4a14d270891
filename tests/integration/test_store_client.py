"""The connections to both stores: named, limited in time, and healed."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pydantic
import pytest
import redis.asyncio

from common import postgres_client, redis_client, settings, wait
from tests import service, store, until

TIMEOUT = 0.5  # seconds


def configured(stores: store.Stores) -> tuple[settings.RedisSettings, settings.DatabaseSettings]:
    return (
        settings.RedisSettings(redis_url=pydantic.SecretStr(stores.redis_url)),
        settings.DatabaseSettings(database_url=pydantic.SecretStr(stores.database_url)),
    )


async def test_who_is_connected_can_be_seen(
    stores: store.Stores, client: redis.asyncio.Redis
) -> None:
    redis_settings, database_settings = configured(stores)
    connected = redis_client.connect(redis_settings, "test-name")
    await connected.ping()
    assert "test-name" in {each["name"] for each in await client.client_list()}
    await connected.aclose()
    connection = await postgres_client.connect(database_settings, "test-name")
    assert await connection.fetchval("SHOW application_name") == "test-name"
    await connection.close()


async def test_redis_that_hangs_is_away_after_the_time_and_is_not_asked_twice(
    stores: store.Stores, client: redis.asyncio.Redis
) -> None:
    connected = redis_client.connect(configured(stores)[0], "test", timeout=TIMEOUT)
    await connected.rpush("list", "first")
    await stores.redis.pause()
    started = time.monotonic()
    with pytest.raises(redis_client.Away):
        await connected.rpush("list", "second")
    assert TIMEOUT * 0.9 < time.monotonic() - started < TIMEOUT * 1.9
    await stores.redis.resume()
    await connected.aclose()
    assert await client.llen("list") <= 2


@contextlib.asynccontextmanager
async def by_tcp(url: str) -> AsyncIterator[str]:
    """An address of the same Redis by TCP, as where it is deployed."""
    parts = urlsplit(url)

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(ConnectionError):
            while data := await reader.read(4096):
                writer.write(data)

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if parts.scheme == "unix":
            inner = await asyncio.open_unix_connection(parts.path)
        else:
            inner = await asyncio.open_connection(parts.hostname, parts.port)
        await asyncio.gather(copy(reader, inner[1]), copy(inner[0], writer))

    async with await asyncio.start_server(pass_on, "127.0.0.1", 0) as server:
        host, port = server.sockets[0].getsockname()
        login = f":{parts.password}@" if parts.password else ""
        yield f"redis://{login}{host}:{port}/0"


async def test_the_time_in_the_url_is_for_an_answer_beside_what_a_command_blocks(
    stores: store.Stores, client: redis.asyncio.Redis
) -> None:
    url = f"{stores.redis_url}?socket_timeout={TIMEOUT}"
    reached = settings.RedisSettings(redis_url=pydantic.SecretStr(url))
    blocks = 1  # second, more than an answer may take
    waiting = redis_client.connect(
        reached, "waiting", timeout=redis_client.ANSWER_TIMEOUT + blocks, retries=0
    )
    assert await waiting.blmove("none", "none", blocks, "LEFT", "LEFT") is None
    usual = redis_client.connect(reached, "usual", retries=0)
    await usual.ping()
    await stores.redis.pause()
    started = time.monotonic()
    with pytest.raises(redis_client.Away):
        await usual.ping()
    assert TIMEOUT * 0.9 < time.monotonic() - started < TIMEOUT * 2
    await stores.redis.resume()
    await waiting.aclose()
    await usual.aclose()


async def test_connections_that_redis_has_closed_are_no_failures(
    stores: store.Stores, client: redis.asyncio.Redis
) -> None:
    """As after a restart: each in the pool is made anew, by who asks for no second try."""
    async with by_tcp(stores.redis_url) as url:
        reached = settings.RedisSettings(redis_url=pydantic.SecretStr(url))
        connected = redis_client.connect(reached, "pooled", retries=0)

        async def several() -> list[object]:
            return await asyncio.gather(
                *(connected.blpop(["none"], timeout=0.1) for _ in range(3)), return_exceptions=True
            )

        async def is_closed() -> bool:
            pool = connected.connection_pool
            return all([await each.can_read() for each in pool._available_connections])

        assert await several() == [None] * 3
        await client.client_kill_filter(_type="normal", skipme=True)
        await until.true(is_closed)
        assert await several() == [None] * 3
        await connected.aclose()


async def test_redis_that_was_restarted_is_asked_again(stores: store.Stores) -> None:
    connected = redis_client.connect(configured(stores)[0], "test")
    await connected.ping()
    await stores.redis.stop()
    await stores.redis.start()
    assert await connected.ping()
    await connected.aclose()


async def test_postgres_that_is_away(stores: store.Stores) -> None:
    _, database_settings = configured(stores)
    connection = await postgres_client.connect(database_settings, "test")
    await stores.postgres.stop()
    with pytest.raises(postgres_client.Away):
        await connection.fetchval("SELECT 1")
    with pytest.raises(postgres_client.Away):
        await postgres_client.connect(database_settings, "test")
    await postgres_client.check_credentials(database_settings)  # not known yet
    await stores.postgres.start()
    await postgres_client.check_credentials(database_settings)


async def test_the_parts_of_an_address_do_as_well_as_a_url(stores: store.Stores) -> None:
    url = urlsplit(stores.database_url)
    query = parse_qs(url.query)
    given = {
        "db_host": query["host"][0] if "host" in query else url.hostname,
        "db_port": url.port or 5432,
        "db_name": url.path.lstrip("/"),
        "db_user": url.username,
        "db_pass": url.password,
    }
    database_settings = settings.DatabaseSettings.model_validate(given)
    connection = await postgres_client.connect(database_settings, "test")
    assert await connection.fetchval("SELECT current_database()") == given["db_name"]
    await connection.close()


async def test_a_mistake_in_a_statement_is_not_taken_for_away(stores: store.Stores) -> None:
    connection = await postgres_client.connect(configured(stores)[1], "test")
    with pytest.raises(asyncpg.PostgresError) as caught:
        await connection.fetchval("SELECT nonsense")
    assert not isinstance(caught.value, postgres_client.Away)
    await connection.close()


async def test_wait_waits_for_both(
    stores: store.Stores, capsys: pytest.CaptureFixture[str]
) -> None:
    redis_settings, database_settings = configured(stores)
    both = [wait.redis_store(redis_settings), wait.database_store(database_settings)]
    await stores.redis.stop()
    await stores.postgres.stop()
    waiting = asyncio.create_task(wait.until_all_answer(both, 30))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    await stores.redis.start()
    await stores.postgres.start()
    await waiting
    lines = capsys.readouterr().err.splitlines()
    for name in ("redis", "db"):
        (answer,) = (line for line in lines if line.startswith(f"{name} at ") and "answers" in line)
        assert any(line.startswith(f"waiting for {name} at ") for line in lines)
        assert "password" not in answer


async def test_wait_tells_a_refusal(stores: store.Stores) -> None:
    redis_settings, _ = configured(stores)
    wrong = redis_settings.model_copy(
        update={"redis_username": "nobody", "redis_password": pydantic.SecretStr("wrong")}
    )
    with pytest.raises(settings.SettingsError, match="refuses the credentials"):
        await wait.until_all_answer([wait.redis_store(wrong)], 0.5)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        (
            "redis://h/0?db=1&foo=bar",
            "the parameter 'foo' is unknown: known are .*, socket_timeout",
        ),
        ("redis://h/0?foo", "the parameter 'foo' is unknown"),
        ("redis://h/0?b=hush&a=hush", "the parameters 'a', 'b' are unknown: "),
        ("redis://h/0?retry=3", "the parameter 'retry' is unknown"),  # the library has an object
        ("redis://h/0?decode_responses=True", "the parameter 'decode_responses' is unknown"),
        ("unix:///run/redis.sock?timeout=3", "the parameter 'timeout' is unknown"),
        ("redis://h/0?ssl_ca_certs=/ca.pem", "'ssl_ca_certs' is for rediss:// alone"),
        *(
            (f"redis://h/0?{name}={value}", f"the parameter '{name}' must be {right}")
            for name, values, right in (
                ("socket_timeout", ("x", "0", "-1", "nan", "inf"), "a number of seconds, more"),
                ("socket_connect_timeout", ("hush", "0", "-1"), "a number of seconds, more than 0"),
                ("socket_read_size", ("0", "-1", "1.5", "hush"), "a whole number, 1 or more"),
                ("max_connections", ("0", "-1", "1", "3", "hush"), "a whole number, 4 or more: "),
                ("health_check_interval", ("-1", "hush"), "a whole number, 0 or more"),
                ("db", ("-1", "hush"), "a whole number, 0 or more"),
                ("protocol", ("9", "1", "hush"), "2 or 3"),
                ("socket_keepalive", ("hush", "off", "2"), "yes or no"),
                ("retry_on_timeout", ("hush",), "yes or no"),
            )
            for value in values
        ),
        *(
            (f"rediss://h/0?{name}=hush", f"the parameter '{name}' must be {right}")
            for name, right in (
                ("ssl_cert_reqs", "none, optional or required"),
                ("ssl_check_hostname", "yes or no"),
                ("ssl_min_version", "771 .* or 772"),
                ("ssl_ca_certs", "the path of a file"),
                ("ssl_certfile", "the path of a file"),
                ("ssl_keyfile", "the path of a file"),
                ("ssl_ca_path", "the path of a folder"),
                ("ssl_ciphers", "a list of ciphers"),
                ("ssl_ca_data", "certificates as PEM"),
            )
        ),
        ("rediss://h/0?ssl_ciphers=%00", "the parameter 'ssl_ciphers' must be a list of ciphers"),
        ("rediss://h/0?ssl_ca_data=%C3%A9", "the parameter 'ssl_ca_data' must be certificates"),
        (f"rediss://h/0?ssl_keyfile={__file__}", "'ssl_keyfile' needs 'ssl_certfile'"),
        ("rediss://h/0?ssl_include_verify_flags=hush", "ssl_include_verify_flags"),
        ("redis://h/0?password=hush&protocol=9", "the parameter 'protocol' must be 2 or 3"),
    ],
)
async def test_parameters_that_are_none_are_told(url: str, told: str) -> None:
    wrong = settings.RedisSettings(redis_url=pydantic.SecretStr(url))
    with pytest.raises(settings.SettingsError, match=f"REDIS_URL: .*{told}") as caught:
        await redis_client.check_credentials(wrong)
    assert "hush" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:1/0?socket_keepalive=yes&health_check_interval=30&protocol=3",
        "redis://127.0.0.1:1?db=2&username=u&password=p&client_name=n&max_connections=4",
        "redis://127.0.0.1:1?socket_timeout=1.5&socket_connect_timeout=1&socket_read_size=4096",
        "rediss://127.0.0.1:1?ssl_cert_reqs=none&ssl_check_hostname=false&ssl_ciphers=HIGH:!aNULL&ssl_min_version=771",
        f"rediss://127.0.0.1:1?ssl_keyfile={__file__}&ssl_certfile={__file__}",
        f"rediss://127.0.0.1:1?ssl_ca_certs={__file__}&ssl_ca_path=/&ssl_cert_reqs=required",
        "redis://127.0.0.1:1?socket_timeout=&protocol=",  # empty counts as not set
        "rediss://127.0.0.1:1?ssl_password=p&ssl_include_verify_flags=VERIFY_X509_STRICT",
        "unix:///nowhere/redis.sock?db=2&password=p&retry_on_timeout=yes",
    ],
)
async def test_parameters_that_are_known(url: str) -> None:
    given = settings.RedisSettings(redis_url=pydantic.SecretStr(url))
    await redis_client.check_credentials(given)  # nobody answers there: not known yet


async def test_a_database_that_redis_does_not_have_is_told(stores: store.Stores) -> None:
    redis_settings, _ = configured(stores)
    url = stores.redis_url.partition("?")[0]
    url = f"{url}?db=4000" if url.startswith("unix") else f"{url.removesuffix('/0')}/4000"
    wrong = redis_settings.model_copy(update={"redis_url": pydantic.SecretStr(url)})
    with pytest.raises(settings.SettingsError, match="has no such database"):
        await redis_client.check_credentials(wrong)


@pytest.mark.parametrize("mode", ["bogus", "verify-full"])  # the latter without a certificate
async def test_an_sslmode_that_cannot_work_is_told(mode: str) -> None:
    url = f"postgresql://user:word@localhost:1/name?sslmode={mode}"
    wrong = settings.DatabaseSettings(database_url=pydantic.SecretStr(url))
    with pytest.raises(
        settings.SettingsError, match=r"DATABASE_URL: .*(sslmode|certificate)"
    ) as told:
        await postgres_client.check_credentials(wrong)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("parameters", "told"),
    [
        ("target_session_attrs=hush", "'target_session_attrs' must be one of any, primary, .*"),
        ("sslmode=verify-full&sslrootcert=/hush", "'sslrootcert' must be the path of a file"),
        ("sslcert=/hush", "'sslcert' must be the path of a file that this process may read"),
        (f"sslcert={__file__}&sslkey=/hush", "'sslkey' must be the path of a file"),
        ("sslcrl=/", "'sslcrl' must be the path of a file"),
        *((f"port={port}", "'port' must be a port, 1 to 65535") for port in (0, 65536, -1, "hush")),
        ("host=a,b&port=5432,0", "'port' must be a port, 1 to 65535, or one for each host"),
    ],
)
async def test_parameters_of_postgres_that_cannot_work_are_told(parameters: str, told: str) -> None:
    url = f"postgresql://u:hush@localhost:1/d?{parameters}"
    wrong = settings.DatabaseSettings(database_url=pydantic.SecretStr(url))
    with pytest.raises(settings.SettingsError, match=f"DATABASE_URL: the param.*{told}") as caught:
        await postgres_client.check_credentials(wrong)
    assert "hush" not in str(caught.value)
    with pytest.raises(settings.SettingsError, match="DATABASE_URL: "):
        wait.database_store(wrong)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("postgresql://localhost/?port=3", "port"),
        ("postgresql://u:hush@h1,h2/d?port=3,4", "port"),
        ("postgresql://localhost:1?host=127.0.0.1", "host"),
        ("postgresql://u@localhost:1/d?user=hush", "user"),
        ("postgresql://u:hush@localhost:1/d?password=hush", "password"),
        ("postgresql://localhost:1/d?database=e", "database"),
        ("postgresql://localhost:1/?dbname=e", "dbname"),
    ],
)
async def test_a_parameter_of_postgres_without_effect_is_told(url: str, name: str) -> None:
    wrong = settings.DatabaseSettings(database_url=pydantic.SecretStr(url))
    told = f"DATABASE_URL: the parameter '{name}' has no effect beside what is said before"
    with pytest.raises(settings.SettingsError, match=told) as caught:
        await postgres_client.check_credentials(wrong)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p@?host=127.0.0.1&port=1&dbname=d",
        "postgresql://u@/d?host=127.0.0.1&port=1&password=p",
        "postgresql://127.0.0.1:1?user=u&password=p&database=d",
        "postgresql://u:p@127.0.0.1:1/d?host=&port=&user=&password=&dbname=",  # as if not set
    ],
)
async def test_parameters_of_postgres_that_say_what_is_not_said_before(url: str) -> None:
    given = settings.DatabaseSettings(database_url=pydantic.SecretStr(url))
    await postgres_client.check_credentials(given)  # nobody answers there: not known yet


@pytest.mark.parametrize(
    "parameters",
    [
        "target_session_attrs=read-write&sslmode=prefer",
        f"sslrootcert={__file__}&sslmode=disable",
        "target_session_attrs=&sslcert=&application_name=x",  # empty counts as not set
    ],
)
async def test_parameters_of_postgres_that_are_known(parameters: str) -> None:
    url = f"postgresql://u@localhost:1/d?{parameters}"
    given = settings.DatabaseSettings(database_url=pydantic.SecretStr(url))
    await postgres_client.check_credentials(given)  # nobody answers there: not known yet


@pytest.mark.parametrize(
    "url",
    [
        {"DATABASE_URL": "postgresql://h/d?target_session_attrs=x"},
        {"REDIS_URL": "redis://h/0?x=1", "DATABASE_URL": "postgresql://127.0.0.1:1/d"},
    ],
)
async def test_a_wrong_parameter_ends_the_process_as_every_wrong_setting(
    services: service.Services, url: dict[str, str]
) -> None:
    refused = services.start("worker", **url)
    assert await refused.ended() == 2, refused.log
    (line,) = refused.log.splitlines()
    assert line.startswith(f"settings: {next(iter(url))}: the parameter ")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("-c%20bogus=1", 'unrecognized configuration parameter "bogus"'),
        ("-c%20statement_timeout=soon", 'invalid value for parameter "statement_timeout"'),
    ],
)
async def test_options_that_postgres_does_not_know_are_told(
    stores: store.Stores, options: str, told: str
) -> None:
    url = f"{stores.database_url}{'&' if '?' in stores.database_url else '?'}options={options}"
    wrong = settings.DatabaseSettings(database_url=pydantic.SecretStr(url))
    with pytest.raises(settings.SettingsError, match=rf"{told}.*: the parameters in DATABASE_URL"):
        await postgres_client.check_credentials(wrong)


@pytest.mark.parametrize("service_name", ["worker", "result"])
async def test_a_role_that_may_not_connect_is_told_in_one_line(
    stores: store.Stores, services: service.Services, service_name: str
) -> None:
    admin = await asyncpg.connect(stores.database_url)
    await admin.execute(
        "REVOKE CONNECT ON DATABASE test FROM PUBLIC; CREATE ROLE stranger LOGIN PASSWORD 'hush'"
    )
    try:
        url = urlsplit(stores.database_url)
        _, at, host = url.netloc.rpartition("@")
        stranger = url._replace(netloc=f"stranger:hush{at or '@'}{host}").geturl()
        refused = services.start(service_name, **(stores.environment | {"DATABASE_URL": stranger}))
        assert await refused.ended() == 2, refused.log
        (line,) = refused.log.splitlines()
        assert "GRANT CONNECT" in line
        assert "hush" not in line
    finally:
        await admin.execute("GRANT CONNECT ON DATABASE test TO PUBLIC; DROP ROLE stranger")
        await admin.close()
