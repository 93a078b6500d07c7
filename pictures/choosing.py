"""What is shown of a graph that is too large to draw: hubs, a fair share of products, a sample of users."""

from typing import Any

import numpy as np
import pandas as pd

from pictures.look import OTHERS, SEED
from pictures.reading import Results

MOST_PRODUCTS, MOST_USERS, HUBS = 84, 190, 14


def choose(results: Results) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The (nodes, edges) to draw: hubs, the most recommended products of each community, a sample of its users.

    Every user has a full list, so a k-core would drop nobody: products are taken by how often they are recommended.
    """
    vertices = results.vertices.assign(hub=False)
    ranked = vertices[vertices["type"] == "product"].sort_values("degree", ascending=False, kind="stable")
    first = ~ranked["group"].duplicated() & (ranked["group"] != OTHERS)
    ranked["hub"] = ranked.index.isin(ranked.index[np.argsort(~first, kind="stable")][:HUBS])
    top = fair_share(ranked, MOST_PRODUCTS, first=ranked["hub"] | (np.arange(len(ranked)) < HUBS))
    edges = results.edges[results.edges["dst"].isin(top.index)]
    shuffled = vertices[vertices["type"] == "user"].sample(frac=1, random_state=SEED)
    sample = fair_share(shuffled, MOST_USERS, first=shuffled.index.isin(edges["src"]))
    return pd.concat([top, sample]), edges[edges["src"].isin(sample.index)]


def fair_share(rows: pd.DataFrame, most: int, *, first: Any) -> pd.DataFrame:
    """At most so many rows, in order: those named first, then from each group by the root of its size (Webster)."""
    order = pd.DataFrame({"last": ~np.asarray(first, dtype=bool), "group": rows["group"]}, index=rows.index)
    size = order.groupby("group")["group"].transform("size")
    size = size.where(order["group"] != OTHERS, size[order["group"] != OTHERS].max())  # they would fill the page
    order["turn"] = (order.sort_values("last", kind="stable").groupby("group").cumcount() + 0.5) / np.sqrt(size)
    return rows.loc[order.sort_values(["last", "turn", "group"], kind="stable").index[:most]]
