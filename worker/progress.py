"""What the worker has done, for its metrics and its heartbeat."""

from collections import deque

from common.clock import microseconds, milliseconds
from common.replica import Heartbeat, Rate
from worker.batch import Batch
from worker.metrics import Metrics
from worker.store import DeadLetter

LAG_AGE = 10_000  # ms; the heartbeat has the lags of newer batches
MAX_LAGS = 500


class Progress:
    """Counts the batches of one worker.

    Attributes:
        state: "idle", "working" or "waiting for postgres".
    """

    def __init__(self, metrics: Metrics) -> None:
        self.state = "idle"
        self._metrics = metrics
        self._commits = Rate(metrics.batch_size)
        self._last_commit: int | None = None
        self._lags: deque[tuple[int, int]] = deque(maxlen=MAX_LAGS)  # commits and lags in ms

    def count(self, batch: Batch, dead: list[DeadLetter]) -> None:
        """Count a batch that is committed, except for its dead letters."""
        for letter in dead:
            self._metrics.dead.labels(letter.kind).inc()
        self._metrics.batch_size.observe(batch.size)
        committed = batch.size - len(dead)
        if committed and batch.oldest is not None:
            self._last_commit = milliseconds()
            self._metrics.committed.inc(committed)
            lag = max(0, microseconds() - batch.oldest)
            self._lags.append((self._last_commit, lag // 1000))
            self._metrics.lag_seconds.observe(lag / 1e6)

    def heartbeat(self) -> Heartbeat:
        """Return what the heartbeat of this worker says."""
        oldest = milliseconds() - LAG_AGE
        return Heartbeat(
            state=self.state,
            last_commit=self._last_commit,
            commits=self._commits.measure(),
            lags=[lag for committed_at, lag in self._lags if committed_at > oldest],
        )
