"""The verb status: how things stand, once, as JSON, or again and again."""

import json
import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table

from spark_app import status as status_
from spark_app.running import progress
from spark_app.settings import Settings, load

REDRAWN_EVERY = 2.0
AsJson = Annotated[bool, typer.Option("--json", help="As one JSON object.")]
Watch = Annotated[bool, typer.Option("--watch", help="Redraw every two seconds until Ctrl-C.")]


def add_to(app: typer.Typer) -> None:
    """Give the verb to the command line."""
    app.command()(status)


def status(as_json: AsJson = False, watch: Watch = False) -> None:
    """Print events by state, how far to the next training and at what rate, lag, batches, and what is published.

    Example: python -m spark_app status --watch
    """
    settings = load()
    if watch:
        _watch(settings, as_json=as_json)
    elif as_json:
        typer.echo(_json(settings))
    else:
        progress.console.print(_drawn(status_.found(settings)))


def _watch(settings: Settings, *, as_json: bool) -> None:
    """Until Ctrl-C, which is the way to end it and no fault; where there is no terminal, one below the other."""
    try:
        if progress.console.is_terminal and not as_json:
            _redraw(settings)
        while True:
            typer.echo(_json(settings)) if as_json else progress.console.print(_drawn(status_.found(settings)))
            time.sleep(REDRAWN_EVERY)
    except KeyboardInterrupt:
        return


def _redraw(settings: Settings) -> None:
    with Live(_drawn(status_.found(settings)), console=progress.console, auto_refresh=False) as live:
        while True:
            time.sleep(REDRAWN_EVERY)
            live.update(_drawn(status_.found(settings)), refresh=True)


def _json(settings: Settings) -> str:
    return json.dumps(status_.found(settings), indent=2, ensure_ascii=False)


def _drawn(found: Mapping[str, Any]) -> Group:
    table = Table("what", "value", show_header=False)
    for name, value in (_rows(found)).items():
        table.add_row(name, progress.plain(value))
    parts: list[Any] = [table]
    if found["last_batches"]:
        parts.append(_batches(found["last_batches"]))
    if found["cut_short"]:
        parts.append("a batch was cut short; the next ingest finds its records again and counts them once")
    return Group(*parts)


def _rows(found: Mapping[str, Any]) -> dict[str, str]:
    rejected = ", ".join(f"{number:,} {reason}" for reason, number in found["rejected"].items())
    new, threshold = found["new_since_last_training"], found["train_threshold"]
    return {
        "data": found["data"],
        "read": f"{found['read']:,}",
        "accepted": f"{found['accepted']:,}",
        "duplicates": f"{found['duplicates']:,}",
        "rejected": f"{sum(found['rejected'].values()):,}" + (f" ({rejected})" if rejected else ""),
        "next training": f"{new:,} of {threshold:,} new events{_still(found)}",
        "rate": f"{found['events_per_second']:,.1f} events/s",
        "waiting": _waiting(found["lag"]),
        "generations": f"{found['generations']:,}",
        "published": (found["published"] or "none") + (", held by a rollback" if found["held"] else ""),
        "its age": _span(found["published_age_seconds"]),
        "results hold": found["results"] or "none",
        "running": ", ".join(dict.fromkeys(found["running"])) or "nothing",
    }


def _still(found: Mapping[str, Any]) -> str:
    if not found["missing"]:
        return ": due"
    seconds = found["seconds_to_threshold"]
    return f", {found['missing']:,} missing" + (f", in about {_span(seconds)} at this rate" if seconds else "")


def _waiting(lag: Mapping[str, Any]) -> str:
    if "files" in lag:
        return f"{lag['files']:,} files in the inbox" + (f", {lag['refused']:,} refused" if lag["refused"] else "")
    if lag["records"] is None:
        return f"not known: {lag['reason']}"
    parts = ", ".join(f"{number:,} in {name}" for name, number in lag["partitions"].items() if number)
    return f"{lag['records']:,} records of the topic" + (f" ({parts})" if parts else "")


def _batches(batches: list[Mapping[str, Any]]) -> Table:
    table = Table(
        "taken at", "source", "partitions", "read", "accepted", "duplicates", "rejected", title="last batches"
    )
    for batch in batches:
        rejected = sum(batch["rejected"].values())
        numbers = (batch["partitions"], batch["read"], batch["accepted"], batch["duplicates"], rejected)
        table.add_row(
            batch["taken_at"][:19].replace("T", " "), progress.plain(batch["source"]), *(f"{n:,}" for n in numbers)
        )
    return table


def _span(seconds: int | None) -> str:
    """Such as 2 h 5 min."""
    if seconds is None:
        return "-"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join([f"{number} {unit}" for number, unit in parts if number][:2]) or "0 s"
