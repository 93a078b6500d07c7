"""The engine of Spark MLlib: rows of interest in, the factors of both sides out, on as many machines as there are.

MLlib ends with the users, so that their factors are the exact solution of the equations.
"""

from pyspark.ml.recommendation import ALS
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from spark_app.equations import Equations

# Two blocks a side on one machine: sums of two parts do not depend on which of them came first.
BLOCKS = 2
CHECKPOINT_INTERVAL = 5


def factorize(
    rows: DataFrame, terms: Equations, factors: int, iterations: int, seed: int
) -> tuple[DataFrame, DataFrame]:
    """(userId, vector) and (productId, vector) of (userId, productId, strength), in a fixed order and not empty."""
    fitted = ALS(
        userCol="userId",
        itemCol="productId",
        ratingCol="strength",
        rank=factors,
        maxIter=iterations,
        regParam=terms.regularization,
        implicitPrefs=terms.implicit,
        alpha=terms.alpha,
        numUserBlocks=BLOCKS,
        numItemBlocks=BLOCKS,
        checkpointInterval=CHECKPOINT_INTERVAL,
        coldStartStrategy="nan",
        seed=seed,
    ).fit(rows)
    return _vectors(fitted.userFactors, "userId"), _vectors(fitted.itemFactors, "productId")


def _vectors(factors: DataFrame, name: str) -> DataFrame:
    return factors.select(F.col("id").alias(name), F.col("features").alias("vector"))
