"""Traces: from the POST to the commit, in the log, and nothing when they are off."""

import asyncio
import json
import socket
import time

import pytest
import redis.asyncio

from common.clock import microseconds
from common.queue import keys
from common.queue.message import Ballot, decode, encode
from common.spans import MAX_TRACED
from tests import service, until
from tests.integration import collector, visitor
from tests.store import Stores

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
STOP_WITHIN = 10.0  # seconds


def traceparent(flags: str = "01", trace: str = TRACE) -> str:
    return f"00-{trace}-{PARENT}-{flags}"


@pytest.mark.parametrize("way", ["form", "program"])
async def test_one_vote_is_one_trace(
    stores: Stores, services: service.Services, tables: object, way: str
) -> None:
    async with collector.opened() as spans:
        environment = {**stores.environment, **spans.environment}
        vote, _ = await asyncio.gather(
            services.ready("vote", **environment), services.ready("worker", **environment)
        )
        async with visitor.opened(vote.url) as guest:
            cast = guest.vote if way == "form" else guest.call
            await cast("a", headers={"traceparent": traceparent()})
        await until.true(lambda: len(spans.named("commit votes")) == 2)
        await until.true(lambda: bool(spans.named("process votes")))
        path = {"form": "/", "program": "/api/votes"}[way]
        await until.true(lambda: bool(spans.named(f"POST {path}")))
        trace = {span.name: span for span in spans.spans if span.trace == TRACE}
        assert set(trace) == {f"POST {path}", "send votes", "commit votes"}
        server, sent, committed = trace[f"POST {path}"], trace["send votes"], trace["commit votes"]
        assert (server.service, sent.service, committed.service) == ("vote", "vote", "worker")
        assert [server.parent, sent.parent, committed.parent] == [PARENT, server.id, sent.id]
        (batch,) = spans.named("process votes")
        assert batch.parent == ""
        assert batch.links == [(TRACE, sent.id)]
        assert batch.attributes["messaging.batch.message_count"] == 1
        assert committed.links == [(batch.trace, batch.id)]
        (own,) = (span for span in spans.named("commit votes") if span.trace == batch.trace)
        assert own.parent == batch.id
        for span in (sent, batch, committed):
            assert span.attributes["messaging.system"] == "redis"
            assert span.attributes["messaging.destination.name"] == "votes"
        assert sent.attributes["messaging.operation.type"] == "send"
        assert batch.attributes["messaging.operation.type"] == "process"


async def test_a_vote_without_a_trace_has_a_ballot_as_before(
    stores: Stores, services: service.Services, client: redis.asyncio.Redis
) -> None:
    """Without a collector, or if the sampler leaves the vote out."""
    async with collector.opened() as spans:
        sampled = {**spans.environment, "OTEL_TRACES_SAMPLER": "always_off"}
        for environment in ({}, sampled):
            vote = await services.ready("vote", **stores.environment, **environment)
            async with visitor.opened(vote.url) as guest:
                await guest.vote("a", headers={"traceparent": traceparent()})
            (ballot,) = await visitor.ballots(client)
            assert list(ballot) == ["voter_id", "vote", "cast_at", "poll"]
            await client.delete(keys.VOTES)
            await vote.terminate()
        assert spans.spans == []


async def test_only_a_bounded_number_of_a_batch_is_traced(
    stores: Stores, services: service.Services, client: redis.asyncio.Redis, tables: object
) -> None:
    traces = [f"{number:032x}" for number in range(1, 2 * MAX_TRACED)]
    ballots = [
        Ballot(f"voter-{trace}", "a", microseconds(), traceparent=traceparent(trace=trace))
        for trace in traces
    ]
    await client.rpush(keys.VOTES, *map(encode, ballots))
    async with collector.opened() as spans:
        worker = await services.ready("worker", **stores.environment, **spans.environment)
        await until.true(lambda: len(spans.named("commit votes")) == MAX_TRACED + 1)
        assert await worker.terminate() == 0
        (batch,) = spans.named("process votes")
        assert len(batch.links) == MAX_TRACED
        assert batch.attributes["messaging.batch.message_count"] == len(ballots)
        assert len(spans.named("commit votes")) == MAX_TRACED + 1


@pytest.mark.parametrize("text", ["", "00", "no trace", "é" * 200, traceparent("00")])
def test_any_traceparent_is_stored(text: str) -> None:
    ballot = decode(json.dumps({"voter_id": "1", "vote": "a", "traceparent": text}).encode())
    assert ballot.vote == "a"


async def test_a_wrong_traceparent_stops_nothing(
    stores: Stores, services: service.Services, client: redis.asyncio.Redis, tables: object
) -> None:
    await client.rpush(keys.VOTES, encode(Ballot("1", "a", microseconds(), traceparent="é" * 200)))
    async with collector.opened() as spans:
        await services.ready("worker", **stores.environment, **spans.environment)
        await until.true(lambda: bool(spans.named("process votes")))
        assert not any(span.failed for span in spans.spans)


async def test_a_failed_commit_is_an_error_in_both_traces(
    stores: Stores, services: service.Services, client: redis.asyncio.Redis, tables: object
) -> None:
    async with collector.opened() as spans:
        worker = await services.ready("worker", **stores.environment, **spans.environment)
        await stores.postgres.stop()
        ballot = Ballot("1", "a", microseconds(), traceparent=traceparent())
        await client.rpush(keys.VOTES, encode(ballot))

        def failed() -> set[bool]:
            """Return for each failed span whether it belongs to the trace of the vote."""
            return {span.trace == TRACE for span in spans.named("commit votes") if span.failed}

        await until.true(lambda: failed() == {True, False}, what=lambda: worker.log)


async def test_a_line_of_the_log_names_its_trace(
    stores: Stores, services: service.Services, client: redis.asyncio.Redis, tables: object
) -> None:
    await client.rpush(keys.VOTES, b"no ballot")
    async with collector.opened() as spans:
        worker = await services.ready(
            "worker", **stores.environment, **spans.environment, LOG_FORMAT="json"
        )
        await until.true(lambda: bool(spans.named("process votes")))
        (batch,) = spans.named("process votes")
        lines = [json.loads(line) for line in worker.log.splitlines()]
        (line,) = (line for line in lines if line["event"] == "dead letters")
        assert (line["trace_id"], line["span_id"]) == (batch.trace, batch.id)


async def test_the_last_spans_are_sent_before_the_end(
    stores: Stores, services: service.Services
) -> None:
    async with collector.opened() as spans:
        environment = {**spans.environment, "OTEL_BSP_SCHEDULE_DELAY": "60000"}
        vote = await services.ready("vote", **stores.environment, **environment)
        async with visitor.opened(vote.url) as guest:
            await guest.vote("a")
        assert await vote.terminate() == 0
        assert {span.name for span in spans.spans} == {"POST /", "send votes"}


async def test_a_collector_that_never_answers_does_not_delay_the_end(
    stores: Stores, services: service.Services
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        vote = await services.ready(
            "vote", **stores.environment, OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{port}"
        )
        async with visitor.opened(vote.url) as guest:
            assert (await guest.vote("a")).status == 303
        started = time.monotonic()
        assert await vote.terminate() == 0
        assert time.monotonic() - started < STOP_WITHIN


async def test_the_address_of_a_collector_has_a_scheme(
    stores: Stores, services: service.Services
) -> None:
    vote = services.start("vote", **stores.environment, OTEL_EXPORTER_OTLP_ENDPOINT="jaeger:4318")
    assert await vote.ended() == 2
    assert "OTEL_EXPORTER_OTLP_ENDPOINT: 'jaeger:4318'" in vote.log


async def test_result_traces_a_broadcast(
    stores: Stores, services: service.Services, tables: object
) -> None:
    async with collector.opened() as spans:
        await services.ready("result", **stores.environment, **spans.environment)
        await until.true(lambda: bool(spans.named("send scores")))
        assert {span.name for span in spans.spans} == {"send scores"}  # no request is traced
