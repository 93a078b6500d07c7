"""Where each node stands: a disc for each community, its members inside by their links."""

import random

import igraph
import numpy as np
import pandas as pd

from pictures.look import OTHERS, SEED


def lay_out(nodes: pd.DataFrame, edges: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The nodes with x and y, and a disc (x, y, radius) for each group, the largest first; discs do not touch."""
    sizes = nodes["group"].value_counts().sort_index(key=lambda group: group == OTHERS, kind="stable")
    discs = pack(np.sqrt(sizes) + 1.0)
    nodes = nodes.assign(x=0.0, y=0.0)
    for group, (x, y, radius) in zip(discs.index, discs.to_numpy(), strict=True):
        members = nodes.index[nodes["group"] == group]
        nodes.loc[members, ["x", "y"]] = (x, y) + within_disc(members, edges) * (radius - 0.8)
    return nodes, discs


def pack(radii: pd.Series) -> pd.DataFrame:
    """Circles, each at the free place nearest to the middle, in a field somewhat wider than high."""
    placed: list[tuple[float, float, float]] = []
    turns = np.linspace(0, 2 * np.pi, 120, endpoint=False)
    for own in radii:
        spots = [(x + (r + own + 1) * np.cos(t), y + (r + own + 1) * np.sin(t)) for x, y, r in placed for t in turns]
        free = [(x, y) for x, y in spots if all(np.hypot(x - a, y - b) > r + own + 0.99 for a, b, r in placed)]
        x, y = min(free, key=lambda spot: round(np.hypot(spot[0] / 1.25, spot[1]), 6), default=(0.0, 0.0))
        placed.append((x, y, own))
    return pd.DataFrame(placed, index=radii.index, columns=["x", "y", "radius"])


def within_disc(members: pd.Index, edges: pd.DataFrame) -> np.ndarray:
    """Points of the unit disc: force-directed, then spread so that every ring holds its share of them."""
    inner = edges[edges["src"].isin(members) & edges["dst"].isin(members)]
    ends = np.column_stack([members.get_indexer(inner["src"]), members.get_indexer(inner["dst"])])
    igraph.set_random_number_generator(random.Random(SEED))
    forced = np.array(igraph.Graph(len(members), ends.tolist()).layout_fruchterman_reingold().coords)
    forced -= np.median(forced, axis=0)
    place = np.hypot(*forced.T).argsort(kind="stable").argsort(kind="stable")
    radius, angle = np.sqrt((place + 0.5) / len(members)), np.arctan2(forced[:, 1], forced[:, 0])
    return apart(np.column_stack([radius * np.cos(angle), radius * np.sin(angle)]), gap=1.45 / np.sqrt(len(members)))


def apart(points: np.ndarray, gap: float) -> np.ndarray:
    """Push points that are closer than gap from one another, and back into the unit disc."""
    for _ in range(60):
        offset = points[:, None] - points[None]
        push = (gap / np.maximum(np.hypot(*offset.T).T, 1e-9) - 1).clip(0)
        points = points + 0.4 * (offset * push[..., None]).sum(axis=1)
        points /= np.maximum(1, np.hypot(*points.T))[:, None]
    return points
