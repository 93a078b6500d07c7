"""Products without history: they get in as the mean of the products of their category and brand.

A model knows a product by who had interest in it. One that nobody had is given the mean vector, and the mean likeness,
of its peers: products of its category and brand; where there is none, of its category; then of its brand.
"""

from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_app.held import hold
from spark_app.models import Model

# What makes peers, the closest first.
KINSHIP = (("category", "brand"), ("category",), ("brand",))


def admit(model: Model, products: DataFrame) -> Model:
    """The model with newcomers, of `products` (productId, category, brand); the same model when there are none."""
    known = products.join(model.products, "productId").transform(hold)
    unknown = products.join(model.products.select("productId"), "productId", "left_anti").transform(hold)
    length = len(known.first()["vector"]) if not unknown.isEmpty() else 0
    vectors, alike = [], []
    for kin in KINSHIP if length else ():
        groups = (
            known.groupBy(*kin).agg(_mean_vector(length).alias("vector"), F.count("*").alias("peers")).transform(hold)
        )
        met = unknown.join(groups, list(kin)).transform(hold)
        vectors.append(met.select("productId", "vector"))
        if model.similar is not None:
            alike.append(_alike(model.similar, known.select("productId", *kin), met.select("productId", *kin, "peers")))
        unknown = unknown.join(met.select("productId"), "productId", "left_anti").transform(hold)
    if not vectors:
        return model
    newcomers = reduce(DataFrame.unionByName, vectors).transform(hold)
    return model._replace(
        newcomers=newcomers, similar=reduce(DataFrame.unionByName, alike, model.similar) if alike else None
    )


def _mean_vector(length: int) -> Column:
    """Number by number, over products in the order of their ids, so that the sum repeats to the last bit."""
    rows = F.array_sort(F.collect_list(F.struct("productId", "vector")))
    return F.array(*[(_total(rows, place) / F.count("*")).cast("float") for place in range(length)])


def _total(rows: Column, place: int) -> Column:
    return F.aggregate(rows, F.lit(0.0), lambda total, row: total + row["vector"][place])


def _alike(similar: DataFrame, members: DataFrame, met: DataFrame) -> DataFrame:
    """(productId, other, likeness): what is like a peer is like the newcomer, by its share of the peers."""
    kin = [name for name in members.columns if name != "productId"]
    to_members = similar.join(members.withColumnRenamed("productId", "other"), "other")
    # Decimals add up to the same in any order.
    total = F.sum(F.col("likeness").cast("decimal(28,12)")).cast("double").alias("total")
    totals = to_members.groupBy("productId", *kin).agg(total)
    newcomers = met.withColumnRenamed("productId", "other")
    likeness = (F.col("total") / F.col("peers")).cast("float").alias("likeness")
    return totals.join(newcomers, kin).select("productId", "other", likeness)
