"""Structured logs of every process: one JSON object a line, or readable lines on a terminal.

Logs carry order and claim numbers; no secret, and nothing of a person. The libraries' own loggers are rendered alike.
"""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import Processor

from settings import Settings


def configure(settings: Settings) -> None:
    """Set up logging of this process, once, before anything is logged."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                render,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(settings.log_level)
    quiet_libraries()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )


def quiet_libraries() -> None:
    """Keep loggers still that tell each request; `stripe` tells its body too, and tokens are in there."""
    for noisy in ("httpx", "httpcore", "stripe", "uvicorn.access"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
