"""Small tables for tests, from the three facts that matter."""

from datetime import UTC, datetime, timedelta

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.types import StructType

from spark_app import decisive, generations, interactions, schemas
from spark_app.cohorts.belonging import Belonging
from spark_app.fitting import saving, training
from spark_app.generations import Generation
from spark_app.mapped import maps
from spark_app.settings import Settings
from spark_app.shop_rules import Rules

NO_RULES = Rules()
START = datetime(2026, 1, 1, tzinfo=UTC)


def events(spark: SparkSession, *facts: tuple, **same: object) -> DataFrame:
    """Events from (user, product, event_type="purchase", quantity=1, day=0); `same` is set in every one."""
    rows = [_event(number, same, *fact) for number, fact in enumerate(facts)]
    return spark.createDataFrame(rows, schemas.EVENT)


def _event(
    number: int,
    same: dict[str, object],
    user: str,
    product: str | None,
    event_type: str = "purchase",
    quantity: float = 1.0,
    day: float = 0.0,
) -> dict[str, object]:
    columns = {
        "event_id": f"e{number:06d}",
        "user": user,
        "product": product,
        "event_type": event_type,
        "quantity": float(quantity),
        "occurred_at": START + timedelta(days=day),
        "source": "files",
        "partition": "test.jsonl",
        "position": number,
        "received_at": START + timedelta(days=day),
    }
    return {name: (columns | same).get(name) for name in StructType.fromDDL(schemas.EVENT).names}


def checkerboard(spark: SparkSession, size: int) -> DataFrame:
    """Even users like even products, odd users odd ones; the diagonal is withheld, so user i must get product i.

    (userId, productId, strength) for `size` users and as many products.
    """
    pairs = [(i, j, 1.0) for i in range(size) for j in range(size) if i % 2 == j % 2 and i != j]
    return spark.createDataFrame(pairs, "userId INT, productId INT, strength DOUBLE")


def index(spark: SparkSession, name: str, size: int) -> DataFrame:
    """(user, userId) or (product, productId): names in the order of the ids."""
    rows = [(f"{name[0]}{number:04d}", number) for number in range(size)]
    return spark.createDataFrame(rows, f"{name} STRING, {name}Id INT")


def generation(
    settings: Settings,
    seen: DataFrame,
    *,
    rules: Rules = NO_RULES,
    version: int = 0,
    graph: bool = False,
    segments: Belonging | None = None,
) -> Generation:
    """A published generation of these events with its lists, learnt by settings in which nothing is open."""
    kinds = frozenset(row["event_type"] for row in seen.select("event_type").distinct().collect())
    ids = training.index(seen, None)._replace(small=True)
    shop = training.Shop(interactions.product_details(seen), rules, kinds)
    learned = training.learn(seen, ids, shop, settings)
    if segments is not None:
        learned = training.with_segments(learned, segments.members, ids, settings, least=1)
    made = generations.new(settings)
    saving.model(made, learned, ids, shop)
    lists = training.lists(learned, ids.users, ids, n=settings.top_n, explain=True)
    generations.write_table(made, generations.RECOMMENDATIONS, lists)
    maps.make(made)
    if graph:
        saving.graph_of_lists(seen.sparkSession, made)
    newest = seen.agg(F.unix_micros(F.max("occurred_at"))).first()[0]
    manifest = {
        "created_at": START.isoformat(), "events_version": version, "settings": decisive.recorded(settings),
        "rules": rules.as_dict(), "model": saving.described(learned), "newest_event_at": newest,
        "events": {"accepted": seen.count()}, "segments": segments and segments.as_dict(),
        "counts": {"users": ids.users.count(), "products": ids.products.count(), "interactions": learned.liked.count()},
    }  # fmt: skip
    metrics = {"engine": settings.engine, "algorithm": settings.algorithm, "metrics": {}, "reason": ""}
    generations.finish(made, metrics, manifest)
    generations.publish(settings, made)
    return made
