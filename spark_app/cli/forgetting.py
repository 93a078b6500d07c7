"""The verb forget. What it removes, and from where, is in the package of the same name; it does not start Spark."""

import json
from typing import Annotated

import typer

from spark_app import generations
from spark_app.cli import outcome
from spark_app.cli.workplace import working
from spark_app.forgetting import run
from spark_app.forgetting.receipts import Receipt
from spark_app.generations import Generation
from spark_app.pipeline import DrawError
from spark_app.running import endings, progress
from spark_app.settings import Settings, load

User = Annotated[str, typer.Argument(help="The user's id, as the shop has it.")]


def add_to(app: typer.Typer) -> None:
    """Give the verb to the command line."""
    app.command("forget")(forget)


def forget(user: User) -> None:
    """Remove all that is held of a user, from the events to the results, and print the receipt as JSON.

    Example: python -m spark_app forget U00001
    """
    settings = load()
    try:
        run.ensure_id(user)
    except ValueError as error:
        endings.fail(error, endings.WRONG_USAGE)
    with progress.aside(), working(settings, run.VERB, holding=run.HOLDING, hidden=user):
        before = generations.published(settings)
        receipt = run.forget(settings, user)
        typer.echo(json.dumps(receipt.as_dict(), indent=2, ensure_ascii=False))
        if not receipt.held:
            progress.note("nothing was held of this user")
        _show(settings, before, receipt)


def _show(settings: Settings, before: Generation | None, receipt: Receipt) -> None:
    """Log and draw what has taken the place of the old; what cannot be drawn now, the next run draws."""
    after = generations.published(settings)
    if after is not None and after != before:
        outcome.track(settings, after)
    if any(name.endswith(".png") for name in receipt.deleted):
        try:
            outcome.draw(settings)
        except DrawError as error:
            progress.warn(f"the pictures that are gone were not drawn anew: {error}")
