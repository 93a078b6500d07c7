"""Events that give a model nothing to hold on to: each ends in a stated result, with results and pictures."""

import json
import math

import pytest
from conftest import settings_for
from test_pipeline import plain, refreshed, rows

from spark_app import ingestion, pipeline

pytestmark = [pytest.mark.chaos, pytest.mark.slow]


def grid(users, products, day=lambda u, p: 1 + (u + p) % 28):
    return [f"u{u},p{p},1,2026-01-{day(u, p):02d}" for u in range(users) for p in range(products)]


def half_of_it_by_one():
    """One account buys as much as all the others together."""
    others = [f"u{n % 20},p{n * 7 % 30},1,2026-01-{1 + n % 28:02d}" for n in range(100)]
    return others + [f"robot,p{n % 30},1,2026-01-{1 + n % 28:02d}" for n in range(100)]


def all_cold():
    """Whoever comes after the cut was never seen before it, nor what they take."""
    early = [f"u{n},p{n % 3},1,2026-01-01" for n in range(12)]
    return early + [f"v{n},q{n % 3},1,2026-01-28" for n in range(4)]


JUDGED = ""
# name -> (lines, why the lists are not judged, the sources of the lists)
CASES = {
    "one row": (["ann,lamp,1,2026-01-01"], "no positive event lies before", set()),
    "one user": ([f"ann,p{n},1,2026-01-{1 + n:02d}" for n in range(6)], "no user known before the cut", set()),
    "one product": ([f"u{n},lamp,1,2026-01-{1 + n:02d}" for n in range(6)], "no user known before the cut", set()),
    "all rows alike": (["ann,lamp,1,2026-01-01"] * 12, "no positive event lies before", set()),
    "everyone bought everything": (grid(4, 4), JUDGED, set()),
    "nothing but returns": (
        ["ann,lamp,-1,2026-01-01", "bob,chair,-2,2026-01-02"],
        "no positive event lies before",
        set(),
    ),
    "a test split that is all cold": (all_cold(), "no user known before the cut", {"als"}),
    "one account with half of the events": (half_of_it_by_one(), JUDGED, {"als"}),
    "a list longer than the catalogue": (half_of_it_by_one()[:60], JUDGED, {"als"}),
}


@pytest.mark.parametrize("name", CASES)
def test_degenerate_events_end_in_a_stated_result(spark, tmp_path, name):
    lines, why, sources = CASES[name]
    longer = {"top_n": 100} if name == "a list longer than the catalogue" else {}
    settings = settings_for(tmp_path, als={"factors": 2, "iterations": 2}, **longer)
    plain(settings.data_dir / "inbox" / "few.csv", *lines)
    ingestion.take_files(spark, settings, settings.data_dir / "inbox")
    refreshed(spark, settings)
    metrics = json.loads((settings.results_dir / "metrics.json").read_text(), parse_constant=pytest.fail)
    assert metrics["published"] is True
    listed = rows(settings.results_dir / "recommendations.csv")
    assert {row["source"] for row in listed} == sources
    assert all(math.isfinite(float(row["score"])) for row in listed)
    judged, said = metrics["metrics"]["ndcg_at_10"], metrics["metrics"]["reasons"].get("lists", "")
    assert why in said if why else judged > 0
    assert (settings.results_dir / "rmse.txt").read_text().startswith("RMSE: ")
    # Three pictures and the page.
    assert len(pipeline.draw(settings)) == 4
