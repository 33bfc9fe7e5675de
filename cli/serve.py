"""`claims worker` and `claims api`: one process of the service. Beside a running local stack they use its parts."""

from __future__ import annotations

import asyncio
import gc

from cli.output import fail
from deploy.local.discover import adopt_stack


def worker() -> None:
    """Run a worker: it carries out what claims have to do. Stops on Ctrl-C or SIGTERM when its steps are done."""
    adopt_stack()
    # Takes a second to import: not for every other command, and only with the settings adopted.
    from worker import main

    _keep_what_is_loaded()
    asyncio.run(main())


def api() -> None:
    """Run the HTTP API. Stops on Ctrl-C or SIGTERM when its requests are answered."""
    settings = adopt_stack()
    # As above.
    import uvicorn

    from api.main import create_app
    from bootstrap import NotConfigured
    from cli.preparing import check_policy
    from policies.reading import PolicyError

    try:
        check_policy(settings)
        app = create_app()
    except (PolicyError, NotConfigured) as error:
        fail(f"The API can't start: {error}")
    _keep_what_is_loaded()
    uvicorn.run(
        app,
        host=settings.host,
        port=settings.api_port,
        access_log=False,
        log_level=settings.log_level.lower(),
        timeout_graceful_shutdown=10,
    )


def _keep_what_is_loaded() -> None:
    """Code and schemas stay for good, so collections of garbage pass them over.

    Looking through them, while an order of many lines is reckoned, took longer than the order.
    """
    gc.collect()
    gc.freeze()
