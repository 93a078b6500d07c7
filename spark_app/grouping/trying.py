"""Points of a sample -> K-means of one k, by scikit-learn. MLlib takes more than a second for each, however few."""

from sklearn import cluster

from spark_app.grouping.nearest import Labels
from spark_app.numbers.arrays import Doubles

# Each k is tried from so many starts, the best of which counts.
STARTS = 4


def tried(points: Doubles, k: int, seed: int) -> tuple[Doubles, Labels, float]:
    """Centres, labels and inertia (sum of squared distances) of the best of some starts by k-means++."""
    found = cluster.KMeans(k, n_init=STARTS, random_state=seed % 2**32).fit(points)
    return found.cluster_centers_, found.labels_.astype("int64"), float(found.inertia_)
