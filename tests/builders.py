"""Small tables for tests, from the three facts that matter."""

from datetime import UTC, datetime, timedelta

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from spark_app import schemas

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
