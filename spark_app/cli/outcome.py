"""What a generation is shown by: CSV files, pictures and a logged run brought up to date, each a step of its own."""

from collections.abc import Callable

from pyspark.sql import SparkSession

from spark_app import generations, lately, personal, pipeline, tracking
from spark_app.cohorts import interest_exports, segment_exports
from spark_app.generations import Generation
from spark_app.lately import Late
from spark_app.running import progress
from spark_app.settings import Settings
from spark_app.storage import results

# Seconds that one who writes results waits for another.
PATIENCE = 300.0
# What is found of users -> the wiring of its files.
FOUND = {"segments": segment_exports, "interests": interest_exports}


def bring_up_to_date(spark: Callable[[], SparkSession], settings: Settings) -> None:
    """Results and pictures of the published generation, unless they stand there already."""
    results.follow(settings)
    published, late = generations.published(settings), Late(spark, settings)
    if published and not pipeline.is_exported(settings, published):
        export(spark(), settings, late)
    beside(spark, settings)
    trending(spark, settings, late)
    if outdated := {*pipeline.outdated(settings)}:
        draw(settings, next((kind for kind, names in pipeline.ALONE.items() if outdated <= {*names}), None))


def export(spark: SparkSession, settings: Settings, late: Late | None = None) -> None:
    """Write the CSV files of what is published by the time that it is our turn, and of users what was not yet."""
    late = late or Late(lambda: spark, settings)
    late.prepare()
    with results.held(settings, "export", PATIENCE), progress.phase("export") as step:
        published = generations.published(settings)
        if published is None:
            raise generations.NoGenerationError("nothing is published yet")
        rows = pipeline.export(spark, settings, published, late)
        _say_written(step, settings, rows)
    beside(lambda: spark, settings)


def beside(spark: Callable[[], SparkSession], settings: Settings) -> None:
    """Write the files of what is kept of users, where what was made last is not shown yet: a run was killed."""
    for name, files in FOUND.items():
        if not files.is_current(settings):
            _write(spark, settings, name, "export", name)


def show(
    spark: Callable[[], SparkSession], settings: Settings, name: str, log: Callable[[], str | None]
) -> None:
    """Files and pictures of what a verb of that name has just found of users, and a run of MLflow."""
    _write(spark, settings, name, name, "export")
    draw(settings, name)
    if settings.mlflow_uri:
        with progress.phase("track") as step:
            step.say(f"run {log() or 'not logged'}")


def _write(spark: Callable[[], SparkSession], settings: Settings, name: str, verb: str, phase: str) -> None:
    with results.held(settings, verb, PATIENCE), progress.phase(phase) as step:
        _say_written(step, settings, FOUND[name].write(spark(), settings))


def _say_written(step: progress.Phase, settings: Settings, rows: dict[str, int]) -> None:
    step.say(f"{len(rows)} CSV files in {settings.told(settings.results_dir)}, {sum(rows.values()):,} rows")


def trending(spark: Callable[[], SparkSession], settings: Settings, late: Late | None = None) -> None:
    """Write what is rising of late, and for whom, unless that was done since the newest event.

    It is found before others are kept from the results.
    """
    late = late or Late(spark, settings)
    if not lately.is_current(settings):
        with progress.phase("trending") as step:
            late.prepare()
            with results.held(settings, "trending", PATIENCE):
                step.say(late.write())
    if _shown(settings) and not lately.is_current(settings, personal.MATCHES):
        late.prepare()
        with results.held(settings, "trending", PATIENCE):
            _for_users(spark, settings, late)


def _for_users(spark: Callable[[], SparkSession], settings: Settings, late: Late) -> None:
    """Beside the files of the published generation alone: to one that is not exported yet its export adds this."""
    if published := _shown(settings):
        with progress.phase("for you") as step:
            step.say(personal.bring_up_to_date(spark(), settings, published, late))


def _shown(settings: Settings) -> Generation | None:
    """The published generation, if the results show it."""
    published = generations.published(settings)
    return published if published and pipeline.is_exported(settings, published) else None


def draw(settings: Settings, alone: str | None = None) -> None:
    """Draw the pictures, or those of one kind alone, of results that no one replaces meanwhile."""
    with results.held(settings, "draw", PATIENCE), progress.phase("draw") as step:
        number = len(pipeline.draw(settings, alone))
        step.say(f"{number} picture{'' if number == 1 else 's'}")


def track(settings: Settings, generation: Generation) -> None:
    """Log what was trained, published or not, where the settings say."""
    if not settings.mlflow_uri:
        return
    with progress.phase("track") as step:
        run = tracking.log_generation(settings, generation, settings.results_dir)
        step.say(f"generation {generation.id} in {tracking.place(settings)}" if run else "nothing is logged")
