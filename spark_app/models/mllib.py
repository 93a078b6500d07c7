"""The engine of Spark MLlib: rows of interest in, the factors of both sides out, on as many machines as there are.

MLlib ends with the users, so that their factors are the exact solution of the equations.
"""

from pyspark.ml.recommendation import ALS
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from spark_app.numbers.equations import Equations

# Of the session; without it there is one block a core.
BLOCKS = "spark.millstream.als.blocks"
CHECKPOINT_INTERVAL = 5


def factorize(
    rows: DataFrame, terms: Equations, factors: int, iterations: int, seed: int
) -> tuple[DataFrame, DataFrame]:
    """(userId, vector) and (productId, vector) of (userId, productId, strength), in a fixed order and not empty."""
    sides = blocks(rows.sparkSession)
    fitted = ALS(
        userCol="userId",
        itemCol="productId",
        ratingCol="strength",
        rank=factors,
        maxIter=iterations,
        regParam=terms.regularization,
        implicitPrefs=terms.implicit,
        alpha=terms.alpha,
        numUserBlocks=sides,
        numItemBlocks=sides,
        checkpointInterval=CHECKPOINT_INTERVAL,
        coldStartStrategy="nan",
        seed=seed,
    ).fit(rows)
    return _vectors(fitted.userFactors, "userId"), _vectors(fitted.itemFactors, "productId")


def blocks(spark: SparkSession) -> int:
    """Parts of either side. With more than two the last bit of a sum depends on which of them comes first."""
    return int(spark.conf.get(BLOCKS, "") or spark.sparkContext.defaultParallelism)


def _vectors(factors: DataFrame, name: str) -> DataFrame:
    return factors.select(F.col("id").alias(name), F.col("features").alias("vector"))
