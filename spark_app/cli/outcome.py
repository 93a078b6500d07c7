"""What a generation is shown by: CSV files and pictures brought up to date, each a step of its own."""

from collections.abc import Callable

from pyspark.sql import SparkSession

from spark_app import pipeline, progress
from spark_app.generations import Generation
from spark_app.settings import Settings


def bring_up_to_date(spark: Callable[[], SparkSession], settings: Settings, published: Generation) -> None:
    """Results and pictures of the published generation, unless they stand there already."""
    if not pipeline.is_exported(settings, published):
        export(spark(), settings, published)
    if not pipeline.is_drawn(settings):
        draw(settings)


def export(spark: SparkSession, settings: Settings, published: Generation) -> None:
    """Write the CSV files."""
    with progress.phase("export") as step:
        rows = pipeline.export(spark, settings, published)
        step.say(f"{len(rows)} CSV files in {settings.results_dir}, {sum(rows.values()):,} rows")


def draw(settings: Settings) -> None:
    """Draw the pictures."""
    with progress.phase("draw") as step:
        lines = pipeline.draw(settings)
        step.say(f"{len(lines)} pictures")
