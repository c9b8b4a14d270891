"""`python -m result`: the result service."""

import asyncio

from common import postgres_client, redis_client, server, unused
from common import settings as common_settings
from result import settings

GRACE = 2  # seconds for requests in hand; only a long poll takes more, and the browser comes again


def main() -> None:
    configured = common_settings.load_or_exit(settings.Settings)
    unused.skip()
    from result import app

    async def serve(stop: asyncio.Event) -> None:
        await postgres_client.check_credentials(configured)
        if configured.has_redis:  # it may refuse us: the strip says so, and the numbers go on
            redis_client.check_url(configured)
        listening = server.bind(configured.host, configured.port)
        await server.serve(app.create_app(configured), listening, stop, grace=GRACE)

    server.run(configured, serve)


if __name__ == "__main__":
    main()
