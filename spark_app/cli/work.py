"""Verbs that work: run, ingest, train, evaluate, export, draw. Those that need Spark start it when they do."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from pyspark.sql import DataFrame, SparkSession

from spark_app import following, generations, ingestion, locks, pipeline, shop_rules, status
from spark_app.cli import endless, outcome, summary
from spark_app.cli.wanting import TOO_LITTLE, published
from spark_app.cli.workplace import working
from spark_app.cohorts import belonging
from spark_app.ingestion import Intake
from spark_app.intake import offered
from spark_app.running import progress
from spark_app.segmentation import Features
from spark_app.settings import Settings, load
from spark_app.storage import arrivals, ledger
from spark_app.storage.segment_files import Folder
from spark_app.tuning import choice

FAILED = 1
BOTH = (locks.INGEST, locks.TRAIN)
SHOWN_RECORDS = 10

Input = Annotated[
    list[Path] | None, typer.Option("--input", help="A file or folder; several times for several. Default: the inbox.")
]
Source = Annotated[str | None, typer.Option("--source", help="files or kafka")]
Results = Annotated[Path | None, typer.Option("--results", help="Where CSV files and pictures go.")]
Force = Annotated[bool, typer.Option("--force", help="Publish against the gate; a fault still keeps it back.")]
Follow = Annotated[bool, typer.Option("--follow", help="Go on for ever, until Ctrl-C or SIGTERM.")]
Now = Annotated[bool, typer.Option("--now", help="Train also below the threshold.")]
DryRun = Annotated[Path | None, typer.Option("--dry-run", help="Show what a path would give; write nothing.")]
BySegment = Annotated[bool, typer.Option("--by-segment", help="Also by segment of the users.")]
OfFeatures = Annotated[
    Features | None, typer.Option("--features", help="Segments by which features; default: the first that are kept.")
]
Verbose = Annotated[bool, typer.Option("-v", "--verbose", help="Show ten records of each batch, and the log.")]


def add_to(app: typer.Typer) -> None:
    """Give the verbs to the command line."""
    for verb in (run, ingest, train, evaluate, export, draw):
        app.command()(verb)


def run(
    inputs: Input = None,
    source: Source = None,
    results: Results = None,
    now: Now = False,
    follow: Follow = False,
    verbose: Verbose = False,
) -> None:
    """Take in what is there, train when enough is new, publish, export and draw.

    Example: python -m spark_app run --input sales.csv --results results
    """
    _refuse_both(now, follow)
    settings = load(source=source, results_dir=results)
    shop_rules.read(settings.rules_file)
    if follow:
        with working(settings, "run", verbose=verbose, holding=BOTH) as spark:
            endless.run(spark(), settings, _paths(settings, inputs), _seen(verbose))
        return
    with working(settings, "run", verbose=verbose, holding=BOTH) as spark:
        intake, seconds = _take_in(spark, settings, inputs, verbose)
        due, made = status.due(settings), None
        if not due.missing or (now and ledger.counts(settings).accepted):
            made = pipeline.refresh(spark(), settings, {"ingest": seconds})
            if not made.metrics["published"]:
                progress.warn(f"generation {made.id} was not published: {made.metrics['reason']}")
        else:
            progress.console.print(summary.not_due(due), markup=False)
        shown = generations.published(settings)
        if shown:
            outcome.bring_up_to_date(spark, settings)
        if made:
            outcome.track(settings, made)
        if shown is None:
            raise typer.Exit(TOO_LITTLE if not intake.refused else FAILED)
        summary.show(settings, shown, intake)
    _leave(intake)


def ingest(
    inputs: Input = None,
    source: Source = None,
    dry_run: DryRun = None,
    follow: Follow = False,
    verbose: Verbose = False,
) -> None:
    """Take in events: each is accepted, a duplicate, or in quarantine with its reason.

    Example: python -m spark_app ingest --dry-run sales.csv
    """
    settings = load(source=source)
    if dry_run is not None:
        path = _existing(arrivals.here(settings, dry_run))
        with working(settings, "ingest", verbose=verbose) as spark:
            preview = ingestion.preview(spark(), settings, path)
        summary.show_preview(preview)
        _leave(preview.intake)
        return
    with working(settings, "ingest", verbose=verbose, holding=(locks.INGEST,)) as spark:
        if follow:
            endless.ingest(spark(), settings, _paths(settings, inputs), _seen(verbose))
            return
        intake, _ = _take_in(spark, settings, inputs, verbose)
        progress.console.print(summary.due_in_words(status.due(settings)), markup=False)
    _leave(intake)


def train(now: Now = False, force: Force = False, follow: Follow = False, verbose: Verbose = False) -> None:
    """Train on the events that are stored, judge, and publish what passes the gate.

    Example: python -m spark_app train --now --force
    """
    _refuse_both(now or force, follow, "--force" if force else "--now")
    settings = load()
    shop_rules.read(settings.rules_file)
    if follow:
        with working(settings, "train", verbose=verbose, holding=(locks.TRAIN,)) as spark:
            endless.train(spark(), settings)
        return
    due = status.due(settings)
    if due.missing and not (now and ledger.counts(settings).accepted):
        progress.console.print(summary.not_due(due), markup=False)
        raise typer.Exit(TOO_LITTLE)
    with working(settings, "train", verbose=verbose, holding=(locks.TRAIN,)) as spark:
        generation = pipeline.refresh(spark(), settings, force=force)
        progress.console.print(f"generation {generation.id}: {generation.metrics['reason']}", markup=False)
        outcome.track(settings, generation)
        if not generation.metrics["published"]:
            raise typer.Exit(FAILED)


def evaluate(by_segment: BySegment = False, features: OfFeatures = None) -> None:
    """Judge the settings on the events that are stored, beside popularity; nothing is written.

    Example: MILLSTREAM_ALS__FACTORS=32 python -m spark_app evaluate --by-segment
    """
    settings = load()
    shop_rules.read(settings.rules_file)
    if not ledger.counts(settings).accepted:
        progress.console.print("there are no events to judge on; ingest some first", markup=False)
        raise typer.Exit(TOO_LITTLE)
    folder = _segments(settings, features) if by_segment or features else None
    # Beside it no retention may take the files that it reads.
    with working(settings, "evaluate", holding=(locks.TRAIN,)) as spark:
        with progress.phase("evaluate"):
            chosen, judgement = pipeline.evaluate(spark(), settings)
        summary.show_metrics(judgement.metrics, judgement.baselines)
        progress.console.print(f"lists by {choice.in_words(chosen)}; {judgement.verdict.reason}", markup=False)
        if folder is not None:
            summary.show_by_segment(belonging.cut(folder, judgement), folder.summary)


def export(results: Results = None) -> None:
    """Write the CSV files of the published generation.

    Example: python -m spark_app export --results results
    """
    settings = load(results_dir=results)
    published(settings)
    with working(settings, "export") as spark:
        outcome.export(spark(), settings)


def draw(results: Results = None) -> None:
    """Draw the pictures from the CSV files; the same as `python visualize_graph.py --html`.

    Example: python -m spark_app draw --results results
    """
    outcome.draw(load(results_dir=results))


def _segments(settings: Settings, features: Features | None) -> Folder:
    """The kept segments of these features, or of the first that there are; BadParameter where there are none."""
    found = [folder for folder in belonging.kept(settings) if features in (None, folder.features)]
    if not found:
        wanted = f" of {features}" if features else ""
        raise typer.BadParameter(f"no segments{wanted} are kept yet: `python -m spark_app segments` makes them")
    return found[0]


def _take_in(
    spark: Callable[[], SparkSession], settings: Settings, inputs: list[Path] | None, verbose: bool
) -> tuple[Intake, float]:
    """Take in all inputs; Spark is not started when no file is new. Gives what was taken, and the seconds."""
    intake, seconds = Intake(), 0.0
    seen = _seen(verbose)
    if settings.source == "kafka":
        session_ = spark()
        with progress.phase("ingest") as step:
            intake = following.take_topic(session_, settings, seen)
            step.say(summary.taken(intake))
        return intake, step.seconds
    for path in _paths(settings, inputs):
        waiting = offered.waiting(settings, path)
        if not waiting.good:
            intake.refused += waiting.refused
            intake.passed_over += waiting.passed_over
            if not waiting.refused:
                progress.console.print(f"nothing new in {settings.told(path)}", markup=False)
            continue
        session_ = spark()
        with progress.phase("ingest") as step:
            intake.add(ingestion.take_files(session_, settings, path, seen))
            step.say(summary.taken(intake))
        seconds += step.seconds
    summary.warn_of(intake)
    return intake, seconds


def _refuse_both(once: bool, follow: bool, name: str = "--now") -> None:
    if once and follow:
        raise typer.BadParameter(f"{name} does not go with --follow")


def _paths(settings: Settings, inputs: list[Path] | None) -> list[Path]:
    """The inputs, each of which has to be there; the inbox when none is given. Those of a bucket are brought here."""
    inbox = _inbox(settings)
    return [_existing(arrivals.here(settings, path)) for path in inputs or [inbox]]


def _seen(verbose: bool) -> ingestion.Seen | None:
    return _show_records if verbose else None


def _inbox(settings: Settings) -> Path:
    inbox = settings.data_dir / "inbox"
    inbox.mkdir(parents=True, exist_ok=True)
    return inbox


def _existing(path: Path) -> Path:
    if not path.exists():
        raise ingestion.IntakeError(f"{path} does not exist; expected a file or a folder")
    return path


def _show_records(judged: DataFrame) -> None:
    for row in judged.limit(SHOWN_RECORDS).collect():
        progress.console.print(summary.record(row.asDict()), markup=False)


def _leave(intake: Intake) -> None:
    """A file that was refused makes the exit code 1; the rest was taken all the same."""
    if intake.refused:
        raise typer.Exit(FAILED)
