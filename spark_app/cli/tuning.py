"""The verb tune: look for better settings, and write down what is found."""

import json
from typing import Annotated

import typer
from rich.table import Table

from spark_app import decisive, locks, pipeline, shop_rules, tracking
from spark_app.cli.wanting import TOO_LITTLE
from spark_app.cli.workplace import working
from spark_app.running import progress
from spark_app.settings import load
from spark_app.storage import ledger
from spark_app.tune import Trial, Tuned

Minutes = Annotated[float | None, typer.Option("--minutes", min=0.1, help="Stop after so many minutes.")]
Most = Annotated[int | None, typer.Option("--trials", min=1, help="Stop at so many trials, earlier ones counted.")]
DEFAULT_MINUTES = 10.0


def add_to(app: typer.Typer) -> None:
    """Give the verb to the command line."""
    app.command()(tune)


def tune(minutes: Minutes = None, trials: Most = None) -> None:
    """Search for settings on the history before the hold-out; the best go to tuned.json, which training uses.

    Ten minutes unless told otherwise. What the environment sets stays as it is. Stopped, it goes on where it was.

    Example: python -m spark_app tune --minutes 10
    """
    settings = load()
    shop_rules.read(settings.rules_file)
    if not ledger.counts(settings).accepted:
        progress.console.print("there are no events to tune on; ingest some first", markup=False)
        raise typer.Exit(TOO_LITTLE)
    if minutes is None and trials is None:
        minutes = DEFAULT_MINUTES
    with working(settings, "tune", holding=(locks.TRAIN,)) as spark:
        with progress.phase("tune") as step:
            found = pipeline.tune(spark(), settings, minutes=minutes, most=trials, shown=_show)
            step.say(f"{len(found.trials):,} trials" if found else "too little history")
        if found is None:
            progress.console.print(
                "nothing can be judged before the hold-out yet: more events are needed", markup=False
            )
            raise typer.Exit(TOO_LITTLE)
        _tell(found)
        tracking.log_trials(
            settings, f"tune-{len(found.trials)}", [_run(one) for one in found.trials], _run(found.best)
        )


def _show(trial: Trial, best: Trial) -> None:
    if trial is best:
        progress.note(f"trial {trial.number:,}: NDCG@10 {trial.ndcg_at_10:.4f}")


def _run(trial: Trial) -> dict[str, object]:
    return {"params": trial.values, "metrics": {"ndcg_at_10": trial.ndcg_at_10}, "seconds": trial.seconds}


def _tell(found: Tuned) -> None:
    low, high = found.difference
    numbers = f"NDCG@10 {found.best.ndcg_at_10:.4f}, untuned {found.start:.4f}, difference {low:+.4f} to {high:+.4f}"
    if found.path is None:
        progress.note(f"nothing is clearly better than what is chosen without tuning, so nothing is tuned: {numbers}")
        return
    table = Table("setting", "value")
    for name, value in found.best.values.items():
        table.add_row(decisive.variable(name), progress.plain(json.dumps(value)))
    progress.console.print(table)
    progress.note(f"{found.path} holds the best, and training uses it: {numbers}, all before the hold-out")
