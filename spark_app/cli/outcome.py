"""What a generation is shown by: CSV files, pictures and a logged run brought up to date, each a step of its own."""

from collections.abc import Callable

from pyspark.sql import SparkSession

from spark_app import generations, lately, locks, personal, pipeline, progress, tracking
from spark_app.generations import Generation
from spark_app.settings import Settings

# Seconds that one who writes results waits for another.
PATIENCE = 300.0


def bring_up_to_date(spark: Callable[[], SparkSession], settings: Settings) -> None:
    """Results and pictures of the published generation, unless they stand there already."""
    published = generations.published(settings)
    if published and not pipeline.is_exported(settings, published):
        export(spark(), settings)
    trending(spark, settings)
    if not pipeline.is_drawn(settings):
        draw(settings)


def export(spark: SparkSession, settings: Settings) -> None:
    """Write the CSV files of what is published by the time that it is our turn."""
    with locks.held(settings, locks.RESULTS, "export", wait=PATIENCE), progress.phase("export") as step:
        published = generations.published(settings)
        if published is None:
            raise generations.NoGenerationError("nothing is published yet")
        rows = pipeline.export(spark, settings, published)
        step.say(f"{len(rows)} CSV files in {settings.results_dir}, {sum(rows.values()):,} rows")


def trending(spark: Callable[[], SparkSession], settings: Settings) -> None:
    """Write what is rising of late, and for whom, unless that was done since the newest event and generation."""
    if not lately.is_current(settings):
        with locks.held(settings, locks.RESULTS, "export", wait=PATIENCE), progress.phase("trending") as step:
            step.say(lately.bring_up_to_date(spark, settings))
    if personal.is_current(settings):
        return
    with locks.held(settings, locks.RESULTS, "export", wait=PATIENCE):
        # Not before: meanwhile another may have been published.
        if published := generations.published(settings):
            with progress.phase("for you") as step:
                step.say(personal.bring_up_to_date(spark(), settings, published))


def draw(settings: Settings) -> None:
    """Draw the pictures."""
    with progress.phase("draw") as step:
        lines = pipeline.draw(settings)
        step.say(f"{len(lines)} pictures")


def track(settings: Settings, generation: Generation) -> None:
    """Log what was trained, published or not, where the settings say."""
    if not settings.mlflow_uri:
        return
    with progress.phase("track") as step:
        run = tracking.log_generation(settings, generation, settings.results_dir)
        step.say(f"generation {generation.id} in {tracking.place(settings)}" if run else "nothing is logged")
