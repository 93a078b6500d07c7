"""Events -> what each user has posted: the texts in the order of time as one, and the pictures of the posts.

A picture that was read stands as text where its post does, so that all that follows knows texts alone.
"""

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as F

from spark_app import rules

# Characters of a user that are looked at, the newest, and what stands between two posts.
MOST = 20_000
BETWEEN = "\n\n"


def posted(events: DataFrame) -> DataFrame:
    """The posts among the events."""
    return events.filter(F.col("event_type") == rules.POST)


def pictures(events: DataFrame) -> DataFrame:
    """(image), the path or address of each picture that was posted, once."""
    return posted(events).select(F.trim("image").alias("image")).filter(F.col("image") != "").distinct()


def with_pictures(events: DataFrame, texts: DataFrame) -> DataFrame:
    """The same events, what is written in a picture behind its post's text; `texts` is (image, said), an image once."""
    seen = texts.select("image", F.nullif(F.trim("said"), F.lit("")).alias("said"))
    joined = events.withColumn("picture", F.trim("image")).join(
        seen.withColumnRenamed("image", "picture"), "picture", "left"
    )
    text = F.nullif(F.concat_ws("\n", F.nullif(F.trim("text"), F.lit("")), "said"), F.lit(""))
    return joined.withColumn("text", text).select(*events.columns)


def of(events: DataFrame) -> DataFrame:
    """One row per user who has posted, as schemas.POSTED.

    Texts are in the order of (occurred_at, event_id), with a blank line between two: the newest 20,000 characters, and
    of a post that lies across that limit its end. A user without any text has an empty one. Pictures are those of the
    same posts; `posts` counts all.
    """
    found = posted(events).select(
        "user", "occurred_at", "event_id",
        F.nullif(F.trim("text"), F.lit("")).alias("text"), F.nullif(F.trim("image"), F.lit("")).alias("image"),
    )  # fmt: skip
    size = F.coalesce(F.length("text") + len(BETWEEN), F.lit(0))
    newest = Window.partitionBy("user").orderBy(F.desc("occurred_at"), F.desc("event_id"))
    # What is behind the limit is dropped row by row, so that no user's posts need be held in memory together.
    placed = found.withColumn("behind", F.sum(size).over(newest) - size)
    near = F.col("behind") < MOST
    kept = F.struct("occurred_at", "event_id", "text", "image")
    return placed.groupBy("user").agg(
        F.sort_array(F.collect_list(F.when(near, kept))).alias("kept"), F.count("*").alias("posts")
    ).select(
        "user", _joined("kept.text").alias("text"),
        F.array_distinct(F.filter("kept.image", lambda image: image.isNotNull())).alias("images"), "posts",
    )  # fmt: skip


def _joined(texts: str) -> Column:
    whole = F.array_join(F.col(texts), BETWEEN)
    return F.ltrim(F.when(F.length(whole) > MOST, F.right(whole, F.lit(MOST))).otherwise(whole))
