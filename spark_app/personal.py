"""Wiring of what each user turned to last, and of what rises among it: tables in, files of `results/` out.

What belongs to a generation is made from its pairs, which know when a user turned to a product and what was bought.
"""

from collections.abc import Sequence
from pathlib import Path

import pyarrow.compute as pc
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_app import (
    exports,
    generations,
    interactions,
    lately,
    matches,
    matching,
    near,
    recent,
    rising,
    schemas,
    store,
    tables,
)
from spark_app.exports import Csv
from spark_app.generations import Generation
from spark_app.matches import Riser
from spark_app.recency import TURNED, Kind
from spark_app.settings import Settings

MATCHES = "trending_recommendations.csv"
RECENT: dict[Kind, str] = {"brand": "recent_brands.csv", "product": "recent_products.csv"}
_ORDER = ("user", "rank")


def of_all_users(spark: SparkSession, settings: Settings, kind: Kind, limit: int) -> DataFrame:
    """What each user of the event table as it is now turned to last, as schemas.RECENT."""
    stored = store.read(spark, settings, tables.EVENTS)
    looks = recent.turned(stored, settings.weights)
    return recent.last(looks, interactions.product_details(stored, ("brand",)), kind=kind, n=limit)


def write_recent(spark: SparkSession, settings: Settings, kind: Kind, limit: int) -> tuple[Path, int]:
    """Write that; gives the file and its rows."""
    path = _place(settings, RECENT[kind])
    found = of_all_users(spark, settings, kind, limit)
    return path, exports.write_csv(found, path, order=_ORDER, parts=settings.export_parts)


def csvs(spark: SparkSession, generation: Generation) -> list[Csv]:
    """The last brands of each user of a generation; nothing of one that did not keep them."""
    if TURNED not in generations.read(spark, generation, generations.INTERACTIONS).columns:
        return []
    return [Csv(RECENT["brand"], _brands(spark, generation, _pairs(spark, generation)), _ORDER)]


def is_current(settings: Settings) -> bool:
    """Whether trending_recommendations.csv is not older than the other results and what rises in them."""
    file = settings.results_dir / MATCHES
    others = [settings.results_dir / name for name in (exports.METRICS, lately.TRENDING)]
    return file.exists() and all(one.exists() and one.stat().st_mtime <= file.stat().st_mtime for one in others)


def bring_up_to_date(spark: SparkSession, settings: Settings, generation: Generation) -> str:
    """Write what rises of late and each user may like; gives what there is to say."""
    found = lately.asked(settings)
    rows = lately.rise(lambda: spark, settings, found, (rising.PRODUCT,), matches.MOST)
    hidden = _hidden(generation)
    shown = [(one.key, one.brand, one.score, one.growth_percent) for one in rows if one.key not in hidden]
    risers = matches.risers(shown, found.range.later.length)
    number = write_matches(spark, settings, generation, risers)
    return f"{len(risers):,} rising products with a brand, {number:,} rows"


def write_matches(spark: SparkSession, settings: Settings, generation: Generation, risers: Sequence[Riser]) -> int:
    """Write trending_recommendations.csv: what of these rises for each user of a generation; gives the rows."""
    path, columns = _place(settings, MATCHES), schemas.names(schemas.TRENDING_RECOMMENDATION)
    pairs = _pairs(spark, generation)
    if not risers or TURNED not in pairs.columns:
        exports.write_rows([], columns, path, parts=settings.export_parts)
        return 0
    counts = generation.manifest["counts"]
    small = near.is_small(counts["users"], counts["products"])
    brands, barred = _brands(spark, generation, pairs), matching.barred(pairs)
    found = matching.for_users(brands, barred, risers, n=settings.top_n, is_near=small)
    return exports.write_csv(found, path, order=_ORDER, parts=settings.export_parts)


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
