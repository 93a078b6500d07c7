"""Models: interactions -> what scores a user and a product.

`Model` is all that the rest of the house knows of them: lists, evaluation and explanation need no more.
"""

from typing import NamedTuple

from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_app.numbers.equations import Equations


class NothingToFitError(ValueError):
    """There is no row to learn from; the message says what was missing."""


class Model(NamedTuple):
    """The score of a user and a product: the product of their vectors, and what the user's own products add.

    `users` is (userId, vector) and `products` (productId, vector), vectors float32 and all of one length. A user or a
    product that the model does not know has no row. `strengths` (userId, productId, strength) are the user's own
    products, for which the first `factors` numbers of the user's vector solve `equations`; None where a score has no
    such explanation. Where they have columns `weight` and `again`, a row adds weight x likeness to each product that
    `similar` (productId, other, likeness) says is like it, and `again` to the product itself. `mean` is what a rating
    is before anything is known of its user or product.
    """

    source: str
    users: DataFrame
    products: DataFrame
    factors: int = 0
    equations: Equations | None = None
    strengths: DataFrame | None = None
    similar: DataFrame | None = None
    newcomers: DataFrame | None = None
    mean: float = 0.0

    @property
    def has_habits(self) -> bool:
        """Whether a user's own products add to scores beside the vectors."""
        return self.strengths is not None and "weight" in self.strengths.columns

    def all_products(self) -> DataFrame:
        """(productId, vector, trained) of products and newcomers."""
        trained = self.products.withColumn("trained", F.lit(True))
        if self.newcomers is None:
            return trained
        return trained.unionByName(self.newcomers.withColumn("trained", F.lit(False)))

    def own_products(self) -> DataFrame | None:
        """(userId, own, strengths[, weights, again]): each user's own products as lists, in the order of their ids."""
        if self.strengths is None:
            return None
        fields = {"productId": "own", "strength": "strengths", "weight": "weights", "again": "again"}
        kept = [name for name in fields if name in self.strengths.columns]
        rows = F.sort_array(F.collect_list(F.struct(*kept))).alias("rows")
        listed = self.strengths.groupBy("userId").agg(rows)
        return listed.select("userId", *[F.col(f"rows.{name}").alias(fields[name]) for name in kept])
