"""The part of the recommendation graph that is to be drawn: what is asked for, down to what a page can show.

Products stand for themselves by how often they are recommended, users by a sample that is the same each time. All of it
is looked up in mapped arrays; users and products are rows.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from spark_app.mapped.graph_maps import NOWHERE, GraphMaps
from spark_app.numbers.arrays import Indices
from spark_app.serving.model import Served

# So many of the largest communities have a share of their own, and all others have one together.
SHARES, SEED = 8, 7
HUBS = 3


class Asked(NamedTuple):
    """What is to be drawn, and how many at the most; rows of a product and a user, None where none is named."""

    community: int | None
    product: int | None
    user: int | None
    products: int
    users: int

    @property
    def is_everything(self) -> bool:
        """Whether nothing is filtered."""
        return (self.community, self.product, self.user) == (None, None, None)


class Drawn(NamedTuple):
    """Rows of what is drawn, the most recommended first, and how many there are of each."""

    products: Indices
    users: Indices
    products_found: int
    users_found: int


class Community(NamedTuple):
    """A community, how large it is, and the rows of its most recommended products."""

    number: int
    users: int
    products: int
    hubs: Indices


def part(served: Served, graph: GraphMaps, asked: Asked) -> Drawn:
    """What is asked for: products by how often they are recommended, and a sample of their users."""
    users, products, times = _found(served, graph, asked)
    rows = _rows(products)
    rows = _first(rows[np.argsort(-times[rows], kind="stable")], asked.product)
    group = _groups(graph) if asked.is_everything else None
    shown = _chosen(rows, graph.products, group, asked.products)
    theirs = np.zeros(len(users), bool)
    for row in shown.tolist():
        theirs[graph.users_of(row)] = True
    shuffled = np.random.default_rng(SEED).permutation(_rows(theirs & users))
    sample = _chosen(_first(shuffled, asked.user), graph.users, group, asked.users)
    return Drawn(shown, sample, int(products.sum()), int(users.sum()))


def vertices(served: Served, graph: GraphMaps, drawn: Drawn) -> Iterator[dict[str, Any]]:
    """Products, then users, as the graph's table has them."""
    names = served.maps.products["name"]
    for row in drawn.products.tolist():
        product, name = served.products[row], names[row].as_py()
        yield _vertex(f"p:{product}", "product", name if name and name.strip() else product, graph.products[row])
    for row in drawn.users.tolist():
        user = served.users[row]
        yield _vertex(f"u:{user}", "user", user, graph.users[row])


def edges(served: Served, drawn: Drawn) -> list[dict[str, Any]]:
    """What leads from a user that is drawn to a product that is."""
    wanted = np.zeros(len(served.products), bool)
    wanted[drawn.products] = True
    lists = served.maps.lists[served.user_ids[drawn.users]]
    rows, scores = lists["rows"], lists["scores"]
    at, ranks = np.nonzero((rows >= 0) & wanted[rows])
    names = {row: f"p:{served.products[row]}" for row in drawn.products.tolist()}
    users = [f"u:{served.users[row]}" for row in drawn.users.tolist()]
    found = zip(at.tolist(), ranks.tolist(), rows[at, ranks].tolist(), scores[at, ranks].tolist(), strict=True)
    return [
        {"src": users[place], "dst": names[row], "score": score, "rank": rank + 1} for place, rank, row, score in found
    ]


def listed(served: Served, user: int) -> Indices:
    """What is recommended to a user, the best first."""
    rows = served.maps.lists["rows"][served.user_ids[user]]
    return np.asarray(rows[rows >= 0])


def in_all(graph: GraphMaps) -> tuple[int, int]:
    """(users, products) that are vertices."""
    return int((graph.users["degree"] > 0).sum()), int((graph.products["degree"] > 0).sum())


def has(graph: GraphMaps, community: int) -> bool:
    """Whether there is such a community."""
    return community >= 0 and any((side["community"] == community).any() for side in (graph.products, graph.users))


def communities(graph: GraphMaps, limit: int) -> tuple[list[Community], int]:
    """The largest, with their hubs, and how many there are."""
    users, products, order = _sizes(graph)
    found = [
        Community(number, int(users[number]), int(products[number]), _hubs(graph, number))
        for number in order[:limit].tolist()
    ]
    return found, len(order)


def _sizes(graph: GraphMaps) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How many users and products are of each community, by its number; and those numbers, the largest first."""
    sides = [side["community"] for side in (graph.users, graph.products)]
    length = max(int(side.max(initial=NOWHERE)) for side in sides) + 1
    users, products = (np.bincount(side[side >= 0], minlength=length) for side in sides)
    order = np.argsort(-(users + products), kind="stable")
    return users, products, order[(users + products)[order] > 0]


def _found(served: Served, graph: GraphMaps, asked: Asked) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(users,) and (products,) that pass what is asked, and how often each product is recommended to these users."""
    users, products = graph.users["degree"] > 0, graph.products["degree"] > 0
    times = graph.products["degree"]
    if asked.community is not None:
        users &= graph.users["community"] == asked.community
        products &= graph.products["community"] == asked.community
    if asked.user is not None:
        own = listed(served, asked.user)
        users &= _marked(len(users), *(graph.users_of(row) for row in own.tolist()))
        products &= _marked(len(products), own)
    if asked.product is not None:
        theirs = graph.users_of(asked.product)
        rows = served.maps.lists["rows"][served.user_ids[theirs]].ravel()
        times = np.bincount(rows[rows >= 0], minlength=len(products))
        users &= _marked(len(users), theirs)
        products &= times > 0
    for kept, named in ((users, asked.user), (products, asked.product)):
        if named is not None:
            kept[named] = True
    return users, products, times


def _rows(marked: np.ndarray) -> Indices:
    return np.flatnonzero(marked).astype(np.int32)


def _marked(length: int, *rows: Indices) -> np.ndarray:
    found = np.zeros(length, bool)
    for some in rows:
        found[some] = True
    return found


def _first(rows: Indices, named: int | None) -> Indices:
    """The one that is named before all others."""
    return rows if named is None else np.concatenate([[named], rows[rows != named]]).astype(rows.dtype)


def _groups(graph: GraphMaps) -> np.ndarray:
    """The group of each community, by its number: one for each of the largest, and one for all others."""
    users, _, order = _sizes(graph)
    groups = np.full(len(users), SHARES)
    groups[order[:SHARES]] = np.arange(len(order[:SHARES]))
    return groups


def _chosen(rows: Indices, vertices: np.ndarray, group: np.ndarray | None, most: int) -> Indices:
    """The first of them; where communities are in groups, a fair share of each."""
    if group is None:
        return rows[:most]
    return rows[_fair_share(group[vertices["community"][rows]], most)]


def _fair_share(groups: np.ndarray, most: int) -> np.ndarray:
    """Places of at most so many rows, of each group the first, by the root of its size (Webster), as in the picture."""
    sizes = np.bincount(groups, minlength=SHARES + 1)
    # All others together would fill the page.
    sizes[SHARES] = min(sizes[SHARES], sizes[:SHARES].max())
    members = [np.flatnonzero(groups == group)[:most] for group in range(SHARES + 1)]
    turns = [(np.arange(len(some)) + 0.5) / np.sqrt(max(size, 1)) for some, size in zip(members, sizes, strict=True)]
    return np.sort(np.concatenate(members)[np.argsort(np.concatenate(turns), kind="stable")[:most]])


def _hubs(graph: GraphMaps, community: int) -> Indices:
    rows = _rows(graph.products["community"] == community)
    return rows[np.argsort(-graph.products["degree"][rows], kind="stable")[:HUBS]]


def _vertex(name: str, kind: str, label: str, said: np.void) -> dict[str, Any]:
    measures = {name: said[name].item() for name in ("degree", "pagerank", "community", "component")}
    return {"id": name, "type": kind, "label": label} | measures
