"""Wiring of what each user turned to last, and of what rises among it: tables in, files of `results/` out.

What belongs to a generation is made from its pairs, which know when a user turned to a product and what was bought.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_app import exports, generations, interactions, matching, recent, schemas, store
from spark_app.exports import Csv
from spark_app.frames import near
from spark_app.generations import Generation
from spark_app.lately import Late, NoEventsError
from spark_app.running import progress
from spark_app.settings import Settings
from spark_app.storage import table_copies, tables
from spark_app.storage.tables import DamagedError
from spark_app.timeline import event_files, looked, matches, recency, rising
from spark_app.timeline.matches import Riser
from spark_app.timeline.recency import TURNED, Kind

MATCHES = "trending_recommendations.csv"
RECENT: dict[Kind, str] = {"brand": "recent_brands.csv", "product": "recent_products.csv"}
_ORDER = ("user", "rank")


def of_all_users(spark: SparkSession, settings: Settings, kind: Kind, limit: int) -> DataFrame:
    """What each user of the event table as it is now turned to last, as schemas.RECENT, by Spark."""
    stored = store.read(spark, settings, tables.EVENTS)
    looks = recent.turned(stored, settings.weights)
    return recent.last(looks, interactions.product_details(stored, ("brand",)), kind=kind, n=limit)


def write_recent(
    spark: Callable[[], SparkSession], settings: Settings, kind: Kind, limit: int
) -> tuple[Path, int]:
    """Write that; gives the file and its rows. Spark is started for more events than one process should read."""
    path = _place(settings, RECENT[kind])
    if tables.rows(settings, tables.EVENTS) > event_files.ALONE:
        found = of_all_users(spark(), settings, kind, limit)
        return path, exports.write_csv(found, path, order=_ORDER, parts=settings.export_parts)
    alone = tables.read_again(settings, lambda: _alone(settings, kind, limit))
    return path, exports.write_table(alone, path, parts=settings.export_parts)


def _alone(settings: Settings, kind: Kind, limit: int) -> pa.Table:
    table = table_copies.here(settings, tables.EVENTS)
    tables.ensure_whole(settings, tables.EVENTS, table.version())
    return looked.last(looked.read(table, recency.turning(settings.weights)), kind, limit)


def csvs(spark: SparkSession, settings: Settings, generation: Generation, late: Late) -> list[Csv]:
    """The last brands of each user of a generation, unless it did not keep them, and what rises of them."""
    brands = [Csv(RECENT["brand"], _brands(spark, generation, _pairs(spark, generation)), _ORDER)]
    found = Csv(MATCHES, _found(spark, settings, generation, risers(generation, late)), _ORDER)
    return [*(brands if _keeps_recents(spark, generation) else []), found]


def bring_up_to_date(spark: SparkSession, settings: Settings, generation: Generation, late: Late) -> str:
    """Write what rises of late and each user of a generation may like; gives what there is to say."""
    rising_ = risers(generation, late)
    found = _found(spark, settings, generation, rising_)
    rows = exports.write_csv(found, _place(settings, MATCHES), order=_ORDER, parts=settings.export_parts)
    late.date(MATCHES)
    return f"{len(rising_):,} rising products with a brand, {rows:,} rows"


def risers(generation: Generation, late: Late) -> list[Riser]:
    """What rises of late and may be told; nothing, and a word, where the event table cannot be read."""
    try:
        of, rows = late.found
    except NoEventsError:
        return []
    except DamagedError as error:
        progress.warn(f"{MATCHES} stays empty: {error}")
        return []
    hidden = _hidden(generation)
    shown = [
        (one.key, one.brand, one.score, one.growth_percent)
        for one in rows
        if one.kind == rising.PRODUCT and one.key not in hidden
    ]
    return matches.risers(shown, of.range.later.length)


def _found(
    spark: SparkSession, settings: Settings, generation: Generation, risers: Sequence[Riser]
) -> DataFrame:
    """What of these rises for each user of a generation, as schemas.TRENDING_RECOMMENDATION."""
    if not risers or not _keeps_recents(spark, generation):
        return spark.createDataFrame([], schemas.TRENDING_RECOMMENDATION)
    counts, pairs = generation.manifest["counts"], _pairs(spark, generation)
    small = near.is_small(counts["users"], counts["products"])
    brands, barred = _brands(spark, generation, pairs), matching.barred(pairs)
    return matching.for_users(brands, barred, risers, n=settings.top_n, is_near=small)


def _keeps_recents(spark: SparkSession, generation: Generation) -> bool:
    """One of before there were recents does not know when users turned to products."""
    return TURNED in generations.read(spark, generation, generations.INTERACTIONS).columns


def _pairs(spark: SparkSession, generation: Generation) -> DataFrame:
    """What users had to do with products, by the shop's own ids."""
    users, products, pairs = (
        generations.read(spark, generation, name)
        for name in (generations.USERS, generations.PRODUCTS, generations.INTERACTIONS)
    )
    return pairs.join(users, "userId").join(F.broadcast(products.select("product", "productId")), "productId")


def _brands(spark: SparkSession, generation: Generation, pairs: DataFrame) -> DataFrame:
    return recent.last(pairs, generations.read(spark, generation, generations.PRODUCTS), kind="brand")


def _hidden(generation: Generation) -> set[str]:
    """Products that a rule of the shop keeps out of all lists."""
    hidden = generations.scan(generation, generations.CATALOGUE, columns=["productId"], filter=pc.field("hidden"))
    named = generations.scan(generation, generations.PRODUCTS, columns=["product", "productId"])
    return set(named.filter(pc.is_in(named["productId"], hidden["productId"]))["product"].to_pylist())


def _place(settings: Settings, name: str) -> Path:
    settings.results_dir.mkdir(parents=True, exist_ok=True)
    return settings.results_dir / name
