"""What is shown of a large graph, and where it stands."""

from collections import Counter
from pathlib import Path

import numpy as np
from pictured import of_four, results_of_shop, shop, write_results

from pictures import choosing, layout, look, reading


def test_the_sample_keeps_its_limits_and_the_hubs(tmp_path: Path) -> None:
    lists = shop(users=900, products=300)
    nodes, edges = choosing.choose(reading.read_results(write_results(tmp_path, lists, community=of_four)))
    assert nodes["type"].value_counts().to_dict() == {"user": choosing.MOST_USERS, "product": choosing.MOST_PRODUCTS}
    times = Counter(product for best in lists.values() for product in best)
    most = sorted(times, key=lambda product: (-times[product], f"p:{product}"))[: choosing.HUBS]
    assert {f"p:{product}" for product in most} <= set(nodes.index)
    assert int(nodes["hub"].sum()) == choosing.HUBS
    assert set(edges["src"]) | set(edges["dst"]) <= set(nodes.index)


def test_every_community_has_products_a_named_hub_and_linked_users(tmp_path: Path) -> None:
    nodes, edges = choosing.choose(results_of_shop(tmp_path, 900, 300))
    assert set(nodes.index[nodes["type"] == "user"]) == set(edges["src"])
    assert nodes.groupby(["group", "type"]).size().min() >= 10
    assert set(nodes.loc[nodes["hub"], "group"]) == {0, 1, 2, 3}


def test_small_communities_share_one_disc_and_no_disc_touches_another(tmp_path: Path) -> None:
    results = reading.read_results(write_results(tmp_path, shop(), community=lambda vertex: int(vertex[6:]) % 30))
    nodes, discs = layout.lay_out(*choosing.choose(results))
    assert sorted(discs.index) == [look.OTHERS, *range(8)]
    for one in discs.itertuples():
        inside = nodes[nodes["group"] == one.Index]
        assert np.hypot(inside["x"] - one.x, inside["y"] - one.y).max() < one.radius
        others = discs.drop(one.Index)
        assert (np.hypot(others["x"] - one.x, others["y"] - one.y) > others["radius"] + one.radius).all()


def test_nodes_do_not_lie_on_one_another(tmp_path: Path) -> None:
    nodes, _ = layout.lay_out(*choosing.choose(results_of_shop(tmp_path)))
    at = nodes[["x", "y"]].to_numpy()
    apart = np.hypot(*(at[:, None] - at[None]).T) + 9 * np.eye(len(at))
    assert apart.min() > 0.25
    assert np.median(apart.min(axis=0)) > 1
