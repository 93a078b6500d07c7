"""Points -> K-means centres: tried for each k on a sample, and fitted by MLlib from there on.

MLlib takes more than a second for each k however few users there are, so k is tried with scikit-learn; then MLlib goes
on from the best centres that were found, which saves its own look for a start.
"""

import numpy as np
from pyspark.mllib.clustering import KMeans, KMeansModel
from pyspark.sql import SparkSession
from sklearn import cluster

from spark_app.arrays import Doubles
from spark_app.segments.nearest import Labels

# Each k is tried from so many starts, the best of which counts.
STARTS = 4
_ROUNDS = 20
_STILL = 1e-4


def tried(points: Doubles, k: int, seed: int) -> tuple[Doubles, Labels, float]:
    """Centres, labels and inertia (sum of squared distances) of the best of some starts by k-means++."""
    found = cluster.KMeans(k, n_init=STARTS, random_state=seed % 2**32).fit(points)
    return found.cluster_centers_, found.labels_.astype(np.int64), float(found.inertia_)


def fitted(spark: SparkSession, points: Doubles, start: Doubles, seed: int) -> Doubles:
    """MLlib's centres of the points, from a start on."""
    rows = spark.sparkContext.parallelize(points.tolist())
    model = KMeans.train(
        rows, len(start), maxIterations=_ROUNDS, seed=seed, epsilon=_STILL, initialModel=KMeansModel(list(start))
    )
    return np.array([np.asarray(centre) for centre in model.clusterCenters])
