"""Models: interactions -> vectors of users and products whose product is the score.

`Model` is all that the rest of the house knows of them: lists, evaluation and explanation need no more.
"""

from typing import NamedTuple

from pyspark.sql import DataFrame

from spark_app.scoring import Equations


class Model(NamedTuple):
    """What scores a user and a product: the dot product of their vectors.

    `users` is (userId, vector) and `products` (productId, vector), vectors float32 and all of one length. A user or a
    product that the model does not know has no row. `equations` are those that the first `factors` numbers of a user's
    vector solve for `strengths` (userId, productId, strength); None where a score has no such explanation.
    """

    source: str
    users: DataFrame
    products: DataFrame
    factors: int = 0
    equations: Equations | None = None
    strengths: DataFrame | None = None
