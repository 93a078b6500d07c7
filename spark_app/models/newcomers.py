"""Products without history: they get in as the mean of the products of their category and brand.

A model knows a product by who had interest in it. One that nobody has met is given the mean vector, and the mean
likeness, of its peers: products of its category and brand; where there is none, of its category; then of its brand.
"""

from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from spark_app.frames.held import hold
from spark_app.models import Model

# What makes peers, the closest first.
KIN = ("category", "brand")
KINSHIP: tuple[tuple[str, ...], ...] = (KIN, ("category",), ("brand",))


def admit(model: Model, unmet: DataFrame, details: DataFrame) -> Model:
    """The model with newcomers: those `unmet` (productId, category, brand) that have kin among the `details` it knows.

    The same model when there are none.
    """
    unknown = unmet.select("productId", *KIN).join(model.products.select("productId"), "productId", "left_anti")
    unknown = unknown.transform(hold)
    if unknown.isEmpty() or model.products.isEmpty():
        return model
    known = details.select("productId", *KIN).join(model.products, "productId").transform(hold)
    length = len(model.products.first()["vector"])
    vectors, alike = [], []
    for kin in KINSHIP:
        # Null is nobody's kin, and only groups that someone asks for are summed.
        asked = unknown.dropna(subset=list(kin))
        members = known.join(asked.select(*kin).distinct(), list(kin), "left_semi")
        groups = members.groupBy(*kin).agg(_mean_vector(length).alias("vector"), F.count("*").alias("peers"))
        met = asked.join(groups, list(kin)).transform(hold)
        vectors.append(met.select("productId", "vector"))
        if model.similar is not None:
            alike.append(
                _alike(model.similar, members.select("productId", *kin), met.select("productId", *kin, "peers"))
            )
        unknown = unknown.join(met.select("productId"), "productId", "left_anti")
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
