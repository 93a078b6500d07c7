"""The graph around a user: what is recommended to them, and others to whom that is recommended too."""

from typing import NamedTuple

import numpy as np

from spark_app.mapped.graph_maps import GraphMaps
from spark_app.numbers.arrays import Indices
from spark_app.serving import drawn
from spark_app.serving.drawn import Drawn
from spark_app.serving.model import Served


class Ego(NamedTuple):
    """What is shown, the user first, and how many other users share a product."""

    shown: Drawn
    others: int


def around(served: Served, graph: GraphMaps, user: int, most: int) -> Ego:
    """The list of a user with this row, and of the others with one of its products the `most` best ranked."""
    own = drawn.listed(served, user)
    shared = np.zeros(len(graph.users), np.int32)
    for row in own.tolist():
        shared[graph.users_of(row)] += 1
    shared[user] = 0
    others = np.flatnonzero(shared).astype(np.int32)
    best = others[np.lexsort((others, _best_ranks(served, others, own), -shared[others]))[:most]]
    users = np.concatenate([[user], best]).astype(np.int32)
    return Ego(Drawn(own, users, len(own), len(others) + 1), len(others))


def _best_ranks(served: Served, users: Indices, products: Indices) -> np.ndarray:
    """(users,) the place of the first of these products on each list."""
    wanted = np.zeros(len(served.products), bool)
    wanted[products] = True
    rows = served.maps.lists["rows"][served.user_ids[users]]
    return ((rows >= 0) & wanted[rows]).argmax(axis=1)
