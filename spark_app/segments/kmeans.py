"""A start -> the centres of K-means, fitted by MLlib from there on, which saves its own look for one."""

import numpy as np
from pyspark.mllib.clustering import KMeans, KMeansModel
from pyspark.sql import SparkSession

from spark_app.numbers.arrays import Doubles

_ROUNDS = 20
_STILL = 1e-4


def fitted(spark: SparkSession, points: Doubles, start: Doubles, seed: int) -> Doubles:
    """MLlib's centres of the points, from a start on."""
    rows = spark.sparkContext.parallelize(points.tolist())
    model = KMeans.train(
        rows, len(start), maxIterations=_ROUNDS, seed=seed, epsilon=_STILL, initialModel=KMeansModel(list(start))
    )
    return np.array([np.asarray(centre) for centre in model.clusterCenters])
