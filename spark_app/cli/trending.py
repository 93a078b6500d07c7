"""The verb trending: what is rising in any range of time that the event table holds."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import typer
from rich.table import Table

from spark_app import lately, pipeline
from spark_app.cli import outcome
from spark_app.cli.wanting import or_too_little
from spark_app.cli.workplace import working
from spark_app.lately import Asked
from spark_app.running import progress
from spark_app.segmentation import Features
from spark_app.settings import Settings, load
from spark_app.storage import results as results_
from spark_app.storage import segment_files
from spark_app.timeline import spans
from spark_app.timeline.rising import KINDS, PRODUCT
from spark_app.timeline.trends import Trend

_LEVELS = " ▁▂▃▄▅▆▇█"
_MOST_LEVELS = 31

From = Annotated[str | None, typer.Option("--from", help="A date or a time, such as 2026-01-31 or 2026-01-31T12:00Z.")]
To = Annotated[str | None, typer.Option("--to", help="The same, not included. Default: the newest event.")]
Last = Annotated[str | None, typer.Option("--last", help="In place of --from: 7d, 36h or 4w before the end.")]
By = Annotated[str, typer.Option("--by", help="product, brand or category")]
Top = Annotated[int, typer.Option("--top", min=1, max=1000, help="How many at the most.")]
Segment = Annotated[int | None, typer.Option("--segment", min=1, help="Of the users of this segment alone; no files.")]
Of = Annotated[Features, typer.Option("--features", help="Whose segment: behaviour, browsing or factors.")]
Results = Annotated[Path | None, typer.Option("--results", help="Where CSV files go.")]
AsJson = Annotated[bool, typer.Option("--json", help="As one JSON object.")]


def add_to(app: typer.Typer) -> None:
    """Give the verb to the command line."""
    app.command()(trending)


def trending(
    begin: From = None, end: To = None, last: Last = None, by: By = PRODUCT, top: Top = lately.TOP,
    segment: Segment = None, features: Of = "behaviour", results: Results = None, as_json: AsJson = False,
) -> None:  # fmt: skip
    """Print what is rising in a range of time, write it to trending.csv and trending_buckets.csv, draw trending.png.

    Of one segment it is only printed: the files are of the whole shop.

    Example: python -m spark_app trending --from 2026-10-01 --to 2026-11-01 --by brand --top 10
    """
    if by not in KINDS:
        raise typer.BadParameter(f"--by is {by!r}, expected {', '.join(KINDS)}")
    if segment is not None and results is not None:
        raise typer.BadParameter(f"--results {results} does not go with --segment {segment}: no files are written")
    settings = load(results_dir=results)
    with or_too_little(lately.NoEventsError):
        lately.asked(settings, begin, end, last)
    among = _among(settings, segment, features)
    with progress.aside(as_json), working(settings, "trending") as spark:
        asked, found = lately.answered(spark, settings, [by], top, begin, end, last, among)
        if among is None:
            _write(settings, asked, found)
    if as_json:
        typer.echo(json.dumps(_as_dict(asked, found), ensure_ascii=False))
        return
    who = "" if among is None else f" among {len(among):,} users of segment {segment} by {features}"
    progress.console.print(f"rising{who}, {lately.in_words(asked.range)}", markup=False)
    progress.console.print(_drawn(found) if found else "nothing grew faster than the shop as a whole", markup=False)


def _among(settings: Settings, segment: int | None, features: Features) -> pa.Array | None:
    if segment is None:
        return None
    try:
        return segment_files.among(segment_files.needed(settings, features), segment)
    except segment_files.NoSegmentError as error:
        raise typer.BadParameter(str(error)) from None


def _write(settings: Settings, asked: Asked, found: Sequence[Trend]) -> None:
    """The files and the picture."""
    with results_.held(settings, "trending", outcome.PATIENCE):
        lately.write(settings, asked, found)
        pipeline.draw(settings, "trending")


def _as_dict(asked: Asked, found: Sequence[Trend]) -> dict[str, Any]:
    range_ = asked.range
    return {
        "events_version": asked.version, **range_.asked.named, "later": range_.later.named,
        "earlier": [one.named for one in range_.earlier], "bucket_seconds": range_.bucket // spans.SECOND,
        "bucket_starts": [*map(spans.text, range_.starts)], "trending": [one._asdict() for one in found],
    }  # fmt: skip


def _drawn(found: Sequence[Trend]) -> Table:
    table = Table("rank", found[0].kind, "name", "events", "users", "growth", "score", "users in time")
    for name in ("rank", "events", "users", "growth", "score"):
        next(column for column in table.columns if column.header == name).justify = "right"
    for one in found:
        growth = "new" if one.growth_percent is None else f"{one.growth_percent:+,.0f} %"
        name = one.label if one.label != one.key else ""
        numbers = (f"{one.total:,}", f"{one.users:,}", growth, f"{one.score:,.1f}")
        table.add_row(*map(progress.plain, (one.rank, one.key, name, *numbers, _line(one.by_users))))
    return table


def _line(series: Sequence[int]) -> str:
    """The last buckets as a line of blocks."""
    shown = series[-_MOST_LEVELS:]
    most = max(shown, default=0) or 1
    return "".join(_LEVELS[-(-number * (len(_LEVELS) - 1) // most)] for number in shown)
