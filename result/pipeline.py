"""The state of the pipeline before Postgres, read from Redis, for the page's status strip."""

import asyncio
import contextlib
import datetime
import math
import time
import typing

import orjson
import redis.asyncio

from common import ballot, dependency, keys, poll, redis_client

INTERVAL = 0.25  # seconds between two looks
TIMEOUT = 1.0  # seconds for one look
HEARTBEAT_LIFE = 5_000  # ms; the time to live of a heartbeat when it is written
ALIVE_AGE = 1.25  # seconds since the last beat: two were missed
COUNTED = 0.35  # seconds of silence at most between two looks: what Redis hung is not a worker's
VOTE_PAGE_AGE = 1.5  # seconds since its last beat, two of which were missed
# Seconds after closing in which a vote may still be on its way into Redis: it waits behind a push,
# and is then in one itself. One more: machines are busy, and clocks are not quite the same.
SETTLE = 2 * ballot.PUSH_TIMEOUT + 1.0
GRACE = 4.0  # seconds at most after Redis is back in which the workers may come back as well


class Worker(typing.NamedTuple):
    """One worker, as its heartbeat tells; `last_commit` in ms since the epoch."""

    name: str
    alive: bool
    state: str
    last_commit: int | None


class Heard(typing.NamedTuple):
    """The last heartbeat of a worker: its text, and how long it had to live when last looked at
    (ms); when it was seen first, by the monotonic clock; the silence since (s).
    """

    beat: bytes
    life: int
    at: float
    silence: float


class Queue(typing.NamedTuple):
    """The queue: votes that wait, votes that workers have claimed, dead letters, the workers.

    `workers` is None shortly after Redis came back, until all of them have reported again.
    `vote_page`: whether one is alive; None until one was: the classic one gives no sign of life.
    """

    waiting: int
    claimed: int
    dead: int
    workers: list[Worker] | None
    vote_page: bool | None


class Pipeline:
    """Looks at the queue; read-only, and without effect on anything when Redis is away.

    `drained_at`: when it was first known that all votes of a closed poll are in Postgres.
    """

    def __init__(
        self, client: redis.asyncio.Redis, state: dependency.Dependency, asked: poll.Poll
    ) -> None:
        self.latest: Queue | None = None
        self.drained_at: datetime.datetime | None = None
        self._poll = asked
        self._client = client
        self._state = state
        self._heard: dict[str, Heard] = {}  # by the names of the workers
        self._vote_page_life = 0  # ms, of its heartbeat when last looked at
        self._vote_page_silence = math.nan  # seconds since its last beat; nan: there was none
        self._looked_at = 0.0  # by the monotonic clock, as are the next three
        self._away_since: float | None = None
        self._back_at = 0.0
        self._grace_until = 0.0
        self._are_workers_back = False

    async def follow(self) -> typing.NoReturn:
        """Keeps `latest` current until cancelled; None while Redis is away."""
        while True:
            started = time.monotonic()
            are_all_in = is_settled(self._poll, _now())
            try:
                async with asyncio.timeout(TIMEOUT):
                    found = await self._look()
            except redis_client.Away as error:
                self.latest = None
                self._state.away(error)
                if self._away_since is None:
                    self._away_since = started
            else:
                self.latest = self._in_grace(found)
                if found.waiting + found.claimed:
                    self.drained_at = None
                elif are_all_in:
                    self.drained_at = self.drained_at or _now()
                self._state.up()
            await asyncio.sleep(INTERVAL)

    def _in_grace(self, found: Queue) -> Queue:
        now = time.monotonic()
        if self._away_since is not None:
            # Their back-off doubles: the wait they are in is at most as long as the outage.
            grace = min(GRACE, 1.0 + 2 * (now - self._away_since))
            self._away_since, self._back_at, self._grace_until = None, now, now + grace
            self._are_workers_back = False
        if now >= self._grace_until:
            return found
        if self._heard and all(each.at > self._back_at for each in self._heard.values()):
            self._are_workers_back = True
        return found._replace(
            workers=found.workers if self._are_workers_back else None,
            vote_page=found.vote_page or None,
        )

    async def _look(self) -> Queue:
        names = list(self._heard)
        # All in one moment: a vote that moves from list to list is in one of them. So the workers
        # that are asked about must be those of that moment, or a claimed list would be missing.
        while True:
            async with self._client.pipeline(transaction=True) as together:
                together.smembers(keys.WORKERS)
                together.llen(keys.VOTES)
                together.llen(keys.DEAD)
                together.pttl(keys.VOTE_PAGE)
                for name in names:
                    together.llen(keys.claimed(name))
                    together.pttl(keys.heartbeat(name))
                    together.get(keys.heartbeat(name))
                members, waiting, dead, life, *found = await together.execute()
            asked = names
            names = sorted({name.decode(errors="replace") for name in members})
            if names == asked:
                break
        now = time.monotonic()
        passed = min(now - self._looked_at, COUNTED)
        self._looked_at = now
        lives = dict(zip(names, zip(found[1::3], found[2::3], strict=True), strict=True))
        self._heard = {
            name: self._hear(self._heard.get(name), life, beat or b"", now, passed)
            for name, (life, beat) in lives.items()
        }
        workers = [_worker(name, heard) for name, heard in self._heard.items()]
        vote_page = self._hear_vote_page(life, passed)
        return Queue(waiting, sum(found[0::3]), dead, workers, vote_page)

    def _hear_vote_page(self, life: int, passed: float) -> bool | None:
        """`life`: ms that the heartbeat still has to live; negative when it has run out."""
        is_beat = life > self._vote_page_life
        self._vote_page_life = life
        self._vote_page_silence = 0.0 if is_beat else self._vote_page_silence + passed
        silence = self._vote_page_silence
        return None if math.isnan(silence) else silence < VOTE_PAGE_AGE

    @staticmethod
    def _hear(known: Heard | None, life: int, beat: bytes, now: float, passed: float) -> Heard:
        """`life`: ms that the heartbeat still has to live, by the clock of Redis."""
        if not beat:  # it has run out
            return Heard(beat, life, 0.0, math.inf)
        if known and known.beat == beat and life <= known.life:
            return known._replace(life=life, silence=known.silence + passed)
        return Heard(beat, life, now if known else 0.0, (HEARTBEAT_LIFE - life) / 1_000)


def is_settled(asked: poll.Poll, moment: datetime.datetime) -> bool:
    """Whether the poll was closed at `moment`, and no vote was on its way into Redis any more."""
    return asked.is_closed(moment - datetime.timedelta(seconds=SETTLE))


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _worker(name: str, heard: Heard) -> Worker:
    status: typing.Any = None
    with contextlib.suppress(orjson.JSONDecodeError):
        status = orjson.loads(heard.beat)
    if not isinstance(status, dict):
        status = {}
    last_commit = status.get("last_commit")
    return Worker(
        name,
        heard.silence < ALIVE_AGE,
        str(status.get("state", "idle")),
        last_commit if isinstance(last_commit, int) else None,
    )
