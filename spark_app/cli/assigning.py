"""The verb interests assign: a text or a picture in, its group, products, strategy and a chart out."""

import json
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.table import Table

from spark_app.cli import outcome
from spark_app.cli.wanting import or_too_little
from spark_app.interests import assigning
from spark_app.interests.assigning import Asked, NothingSaidError
from spark_app.interests.catalogue import WrongCatalogueError, read
from spark_app.interests.seeing import reading
from spark_app.interests.seeing.reading import Unreadable
from spark_app.pipeline import PICTURES
from spark_app.running import endings, logs, progress
from spark_app.running.endings import FAILED, WRONG_USAGE
from spark_app.settings import Settings, load
from spark_app.storage import interest_files
from spark_app.storage import results as results_
from spark_app.storage.interest_files import NoInterestsError
from spark_app.storage.shelves import Folder

Text = Annotated[str, typer.Argument(help="What is said.", show_default=False)]
Image = Annotated[Path | None, typer.Option("--image", help="A picture, which is read.", show_default=False)]
Chart = Annotated[Path | None, typer.Option("--chart", help="Where the chart goes: .png or .svg.")]
Results = Annotated[Path | None, typer.Option("--results", help="Where the chart goes without --chart.")]
AsJson = Annotated[bool, typer.Option("--json", help="As one JSON object, as the API has it.")]
CHART = "interest_assigned.png"
_KINDS = (".png", ".svg")
_POINTS, _SHOWN = 4000, 10


def add_to(app: typer.Typer) -> None:
    """Give the verb to those of interests."""
    app.command()(assign)


def assign(
    text: Text = "", image: Image = None, chart: Chart = None, results: Results = None, as_json: AsJson = False
) -> None:
    """Say which group a text or a picture is in, and how sure that is; its keywords, products, strategy and a chart.

    Example: python -m spark_app interests assign "Which grinder for a dark roast?"
    """
    settings = load(results_dir=results)
    logs.start(settings, "interests assign")
    shown = results_.held(settings, "interests", outcome.PATIENCE) if _goes_far(settings, chart) else nullcontext()
    chart = chart or settings.results_dir / CHART
    if chart.suffix.lower() not in _KINDS:
        endings.fail(ValueError(f"--chart {chart}: expected a file that ends with {' or '.join(_KINDS)}"), WRONG_USAGE)
    # Wrong inputs first: what is asked for has to be right whether there is an answer or not.
    asked = _asked(settings, text, image)
    with or_too_little(NoInterestsError):
        folder = interest_files.needed(settings)
    found = assigning.assigned(settings, folder.summary, interest_files.loaded(folder), asked)
    with progress.aside(as_json), shown:
        drawn = _draw(folder, found, chart)
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
        return
    _tell(found)
    if drawn:
        progress.console.print(f"chart: {settings.told(chart)}", markup=False)


def _goes_far(settings: Settings, chart: Path | None) -> bool:
    """Whether the chart is put among results in a bucket."""
    return chart is None and settings.place(settings.results_dir) is not None


def _asked(settings: Settings, text: str, image: Path | None) -> Asked:
    """What is said, the picture read; leaves with code 2 and one line where it cannot be."""
    if not text.strip() and image is None:
        endings.fail(NothingSaidError("expected a text, a picture with --image, or both"), WRONG_USAGE)
    try:
        read(settings.interests.products)
        return Asked(text, None if image is None else _read(settings, image))
    except WrongCatalogueError as error:
        endings.fail(error, WRONG_USAGE)
    except OSError as error:
        endings.fail(ValueError(f"{image}: {error.strerror}: expected a picture"), WRONG_USAGE)
    except Unreadable as error:
        endings.fail(error, WRONG_USAGE)


def _read(settings: Settings, image: Path) -> str:
    if lacking := reading.lacking(settings):
        endings.fail(endings.NotInstalledError(lacking), FAILED)
    try:
        return reading.text_of(settings, image.read_bytes())
    except Unreadable as error:
        raise Unreadable(str(error).replace("the picture", str(image), 1)) from None


def _draw(folder: Folder, found: dict[str, Any], chart: Path) -> bool:
    """By the script that draws all pictures; whether it did: a chart that cannot be drawn is a warning."""
    users = interest_files.looked_up(folder)
    rows = users.some(np.arange(len(users)), _POINTS)
    points = [{name: row[name] for name in ("group", "x", "y")} for row in rows]
    chart.parent.mkdir(parents=True, exist_ok=True)
    run = subprocess.run(
        [sys.executable, str(PICTURES), "--assigned", str(chart)], capture_output=True, text=True, check=False,
        input=json.dumps({"answer": found, "users": len(users), "points": points}),
    )  # fmt: skip
    if run.returncode:
        progress.warn((run.stderr.strip().splitlines() or ["the chart was not drawn"])[-1])
    return run.returncode == 0


def _tell(found: dict[str, Any]) -> None:
    words = found["words"]
    lines = [f"{words[:1].upper()}{words[1:]}"]
    lines += [f"read in the picture: {found['read']}"] * bool(found["read"])
    lines += [f"its words: {', '.join(one['word'] for one in found['told'])}"] * bool(found["told"])
    others = [f"{one['group']} ({one['label']}) {one['confidence']:.0%}" for one in found["groups"][:4]]
    lines += [f"among the groups: {'; '.join(others)}"] * bool(others)
    if found["size"]:
        lines.append(f"of all users {found['share']:.1%}, {found['size']:,}")
        lines.append(f"keywords: {', '.join(word for word, _ in found['keywords'][:_SHOWN])}")
    for line in [*lines, *found["notes"]]:
        progress.console.print(line, markup=False)
    if not found["structure"]["found"]:
        progress.console.print(found["structure"]["words"], markup=False)
    if found["products"]:
        progress.console.print(_products(found["products"]))
    for name in ("needs", "channels", "tone") if found["strategy"] else ():
        progress.console.print(f"{name}: {found['strategy'][name]}", markup=False)


def _products(products: list[dict[str, Any]]) -> Table:
    table = Table("product", "name", "link", "from")
    for one in products:
        row = (one["product"], one["name"] or "", one["link"] or "", one["source"])
        table.add_row(*map(progress.plain, row))
    return table
