"""What segments are and turn to -> what a shop could do about each, in words with the segment's own numbers.

The advice is that of the kind of users (kinds.py). To it come what to show and, where a time stands out, when to write.
"""

from collections.abc import Sequence
from typing import NamedTuple

from pyspark.sql import DataFrame, SparkSession

from spark_app import schemas
from spark_app.segments import kinds, seasons, tops
from spark_app.segments.kinds import Kind
from spark_app.segments.profiles import Profile
from spark_app.segments.tops import Top

# So many products are named in a row, and so many words in the text.
PRODUCTS, NAMED = 5, 2
# A weekday or hour stands out which has so many times its part of what all of them have.
STANDS_OUT = 1.2
DAYS, HOURS = 7, 24
_OTHERWISE = "Keep them coming: more of what they take to, at the time they come."


class Strategy(NamedTuple):
    """A row of schemas.SEGMENT_STRATEGY without `features`; the products by their ids, the most telling first."""

    method: str
    segment: int
    strategy: str
    top_products: list[str]


def of(profiles: Sequence[Profile], rows: Sequence[Top]) -> list[Strategy]:
    """One for each profile, from the rows of what the segments turn to."""
    return [_strategy(profile, tops.of_segment(rows, *profile[:2])) for profile in profiles]


def table(spark: SparkSession, strategies: Sequence[Strategy]) -> DataFrame:
    """As schemas.SEGMENT_STRATEGY without `features`."""
    return spark.createDataFrame(list(strategies), schemas.SEGMENT_STRATEGY.partition(", ")[2])


def times(rows: Sequence[Top]) -> list[Top]:
    """The weekday and the hour of one segment that stand out, as far as there are any."""
    found = (_standing_out(rows, kind, places) for kind, places in (("weekday", DAYS), ("hour", HOURS)))
    return [row for row in found if row]


def _strategy(profile: Profile, rows: Sequence[Top]) -> Strategy:
    kind, shown = kinds.of(profile), tops.leading(rows, "product")[:PRODUCTS]
    parts = [_advice(kind, profile) if kind else _OTHERWISE]
    if kind is None or kind.shown:
        parts += [_in_season(profile, rows), _to_show(rows, shown), _when(rows)]
    return Strategy(profile.method, profile.segment, " ".join(filter(None, parts)), [row.key for row in shown])


def _advice(kind: Kind, profile: Profile) -> str:
    """The advice of the kind, filled in."""
    means = {trait.feature: trait.mean for trait in profile.traits}
    lift = next((trait.lift for trait in profile.traits if trait.feature == "money"), None)
    return kind.advice.format(**means, lift=lift)


def _in_season(profile: Profile, rows: Sequence[Top]) -> str:
    months = seasons.of(profile, rows)
    return f"They come in {' and '.join(row.label for row in months)}: be there a few weeks before." if months else ""


def _to_show(rows: Sequence[Top], shown: Sequence[Top]) -> str:
    """Categories, or else brands, that the segment takes to; or else products."""
    found = (tops.taken(rows, kind) for kind in ("category", "brand"))
    named = next((some for some in found if some), shown)[:NAMED]
    return f"Show them {' and '.join(row.label for row in named)}." if named else ""


def _when(rows: Sequence[Top]) -> str:
    words = {row.kind: row.label for row in times(rows)}
    day, hour = words.get("weekday"), words.get("hour")
    told = [f"on {day}"] * bool(day) + [f"around {hour} UTC"] * bool(hour)
    return f"Write {' '.join(told)}." if told else ""


def _standing_out(rows: Sequence[Top], kind: str, places: int) -> Top | None:
    own = sorted((row for row in rows if row.kind == kind), key=lambda row: row.rank)
    return own[0] if own and own[0].users * places >= STANDS_OUT * sum(row.users for row in own) else None
