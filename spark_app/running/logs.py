"""Logs: structlog, one JSON file for each run in `data/logs`, and on stderr when asked for."""

import logging
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn, TextIO

import structlog

from spark_app.settings import Settings


def start(settings: Settings, verb: str, *, verbose: bool = False, hidden: str | None = None) -> Path:
    """Log from here on into a file of this run; gives the file. With `verbose` also to stderr.

    `hidden` is an argument that the log does not say.
    """
    folder = settings.data_dir / "logs"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{verb}.jsonl"
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            *([_Echo(sys.stderr)] if verbose else []),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(settings.log_level)),
        logger_factory=structlog.WriteLoggerFactory(path.open("a", buffering=1)),
    )
    arguments = ["..." if one == hidden else one for one in sys.argv[1:]]
    structlog.get_logger().info("started", verb=verb, arguments=arguments)
    return path


def silence() -> None:
    """No log: for verbs that only show something, until `start` says otherwise."""
    structlog.configure(processors=[_dropped])


def _dropped(*_entry: Any) -> NoReturn:
    raise structlog.DropEvent


class _Echo:
    """Also writes each entry to a stream: for people on a terminal, as JSON elsewhere."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self.render: Any = structlog.dev.ConsoleRenderer() if stream.isatty() else structlog.processors.JSONRenderer()

    def __call__(self, logger: Any, name: str, entry: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        print(self.render(logger, name, dict(entry)), file=self.stream)
        return entry
