"""The queue between vote and the workers: a Redis list, its messages and its scripts.

`keys` names what is in Redis, `message` describes a ballot, `producer` pushes ballots for vote, and
`session` claims, acknowledges and requeues them for a worker.
"""
