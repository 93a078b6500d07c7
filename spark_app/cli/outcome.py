"""What a generation is shown by: CSV files, pictures and a logged run brought up to date, each a step of its own."""

from collections.abc import Callable

from pyspark.sql import SparkSession

from spark_app import generations, lately, locks, personal, pipeline, progress, segment_exports, tracking
from spark_app.generations import Generation
from spark_app.lately import Late
from spark_app.pipeline import SEGMENT_PICTURES, TRENDING_PICTURE
from spark_app.settings import Settings

# Seconds that one who writes results waits for another.
PATIENCE = 300.0


def bring_up_to_date(spark: Callable[[], SparkSession], settings: Settings) -> None:
    """Results and pictures of the published generation, unless they stand there already."""
    published, late = generations.published(settings), Late(spark, settings)
    if published and not pipeline.is_exported(settings, published):
        export(spark(), settings, late)
    segments(spark, settings)
    trending(spark, settings, late)
    if outdated := pipeline.outdated(settings):
        alone = {*outdated} <= {*SEGMENT_PICTURES}
        draw(settings, trending_alone=outdated == [TRENDING_PICTURE], segments_alone=alone)


def export(spark: SparkSession, settings: Settings, late: Late | None = None) -> None:
    """Write the CSV files of what is published by the time that it is our turn, and of segments that were not yet."""
    late = late or Late(lambda: spark, settings)
    late.prepare()
    with locks.held(settings, locks.RESULTS, "export", wait=PATIENCE), progress.phase("export") as step:
        published = generations.published(settings)
        if published is None:
            raise generations.NoGenerationError("nothing is published yet")
        rows = pipeline.export(spark, settings, published, late)
        step.say(f"{len(rows)} CSV files in {settings.results_dir}, {sum(rows.values()):,} rows")
    segments(lambda: spark, settings)


def segments(spark: Callable[[], SparkSession], settings: Settings) -> None:
    """Write the files of the kept segments, where those that were made last are not shown yet: a run was killed."""
    if segment_exports.is_current(settings):
        return
    with locks.held(settings, locks.RESULTS, "export", wait=PATIENCE), progress.phase("segments") as step:
        rows = segment_exports.write(spark(), settings)
        step.say(f"{len(rows)} CSV files in {settings.results_dir}, {sum(rows.values()):,} rows")


def trending(spark: Callable[[], SparkSession], settings: Settings, late: Late | None = None) -> None:
    """Write what is rising of late, and for whom, unless that was done since the newest event.

    It is found before others are kept from the results.
    """
    late = late or Late(spark, settings)
    if not lately.is_current(settings):
        with progress.phase("trending") as step:
            late.prepare()
            with locks.held(settings, locks.RESULTS, "trending", wait=PATIENCE):
                step.say(late.write())
    if _shown(settings) and not lately.is_current(settings, personal.MATCHES):
        late.prepare()
        with locks.held(settings, locks.RESULTS, "trending", wait=PATIENCE):
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


def draw(settings: Settings, *, trending_alone: bool = False, segments_alone: bool = False) -> None:
    """Draw the pictures, or some of them alone, of results that no one replaces meanwhile."""
    with locks.held(settings, locks.RESULTS, "draw", wait=PATIENCE), progress.phase("draw") as step:
        number = len(pipeline.draw(settings, trending_alone=trending_alone, segments_alone=segments_alone))
        step.say(f"{number} picture{'' if number == 1 else 's'}")


def track(settings: Settings, generation: Generation) -> None:
    """Log what was trained, published or not, where the settings say."""
    if not settings.mlflow_uri:
        return
    with progress.phase("track") as step:
        run = tracking.log_generation(settings, generation, settings.results_dir)
        step.say(f"generation {generation.id} in {tracking.place(settings)}" if run else "nothing is logged")
