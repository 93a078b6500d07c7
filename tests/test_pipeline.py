"""The whole way: from files to a published generation, in the shared session and as a user calls it."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import segmented
from conftest import settings_for
from test_cli import call

from spark_app import explaining, generations, ingestion, pipeline, status, store
from spark_app.running import preflight
from spark_app.storage import ledger, segment_files, tables

ROOT = Path(__file__).parent.parent
FILES = (
    "recommendations.csv", "vertices.csv", "edges.csv", "user_mappings.csv", "product_mappings.csv", "rmse.txt",
    "metrics.json", "recommendation_graph.png", "recommendation_graph.html",
    "degree_distribution.png", "top_products.png",
    "trending.csv", "trending_buckets.csv", "trending.png", "recent_brands.csv", "trending_recommendations.csv",
)  # fmt: skip

SMALL = {"MILLSTREAM_ALS__FACTORS": "4", "MILLSTREAM_ALS__ITERATIONS": "3"}


def simulate(inbox, events=4000, users=150, products=60, seed=7):
    arguments = {"--events": events, "--users": users, "--products": products, "--seed": seed, "--files": 2}
    words = [str(word) for pair in arguments.items() for word in pair]
    command = [sys.executable, "-m", "kafka_producer", "simulate", "--to", "files", "--inbox", str(inbox), *words]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)


def plain(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["user,product,quantity,timestamp", *lines]) + "\n")


def rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def refreshed(spark, settings):
    generation = pipeline.refresh(spark, settings)
    pipeline.export(spark, settings, generation)
    return generation


@pytest.fixture(scope="module")
def simulated(spark, tmp_path_factory):
    """A small shop that was taken in, trained and exported."""
    small = {"factors": 8, "iterations": 5}
    settings = settings_for(tmp_path_factory.mktemp("simulated"), als=small, engine="auto")
    simulate(settings.data_dir / "inbox")
    plain(settings.data_dir / "inbox" / "cold.csv", "cold,P0001,-1,2026-10-20T12:00:00Z")
    ingestion.take_files(spark, settings, settings.data_dir / "inbox")
    segmented.of(settings, {f"U{number:05d}": 1 + number % 2 for number in range(1, 141)} | {"cold": 1})
    return settings, refreshed(spark, settings)


@pytest.mark.slow
def test_the_lists_beat_popularity_where_tastes_are_hidden(simulated):
    metrics = simulated[1].metrics
    assert metrics["metrics"]["ndcg_at_10"] > metrics["baselines"]["popular"]["ndcg_at_10"] > 0


def test_metrics_hold_every_key_of_the_contract(simulated):
    settings, generation = simulated
    metrics = json.loads((settings.results_dir / "metrics.json").read_text())
    assert metrics["generation"] == generation.id and metrics["published"] is True
    assert set(metrics["seconds"]) >= {"ingest", "train", "evaluate", "recommend", "graph", "export"}
    assert set(metrics["metrics"]) >= {
        "rmse", "ndcg_at_10", "recall_at_10", "precision_at_10", "map_at_10", "hit_rate_at_10", "coverage", "novelty",
        "users_judged", "ndcg_at_10_ci",
    }  # fmt: skip
    low, high = metrics["metrics"]["ndcg_at_10_ci"]
    assert low < metrics["metrics"]["ndcg_at_10"] < high
    events = metrics["events"]
    assert events["read"] == events["accepted"] + events["duplicates"] + sum(events["rejected"].values())


def test_a_cold_user_gets_the_list_of_a_segment_that_the_manifest_names(simulated):
    settings, generation = simulated
    listed = [row for row in rows(settings.results_dir / "recommendations.csv") if row["user"] == "cold"]
    assert {row["source"] for row in listed} == {"segment"} and "P0001" not in {row["product"] for row in listed}
    assert generation.manifest["segments"]["ids"] == {"behaviour": segment_files.latest(settings, "behaviour").id}


def test_metrics_by_segment_are_those_of_all_cut(simulated):
    metrics = simulated[1].metrics
    parts = [part for part in metrics["metrics_by_segment"].values() if isinstance(part, dict)]
    judged = sum(part["users_judged"] for part in parts)
    assert judged == metrics["metrics"]["users_judged"] and len(parts) >= 2
    whole = sum(part["users_judged"] * part["ndcg_at_10"] for part in parts) / judged
    assert whole == pytest.approx(metrics["metrics"]["ndcg_at_10"])


def test_no_list_holds_what_its_user_has_met(spark, simulated):
    settings, _ = simulated
    met = {(row.user, row.product) for row in store.read(spark, settings, "events").select("user", "product").collect()}
    listed = rows(settings.results_dir / "recommendations.csv")
    assert listed and not [row for row in listed if (row["user"], row["product"]) in met]


def test_every_user_has_a_list_with_ranks_from_one_and_falling_scores(simulated):
    settings, _ = simulated
    lists = {}
    for row in rows(settings.results_dir / "recommendations.csv"):
        lists.setdefault(row["user"], []).append(row)
    assert set(lists) == {row["user"] for row in rows(settings.results_dir / "user_mappings.csv")}
    for listed in lists.values():
        assert [int(row["rank"]) for row in listed] == list(range(1, len(listed) + 1))
        scores = [float(row["score"]) for row in listed]
        assert scores == sorted(scores, reverse=True)


def test_edges_join_vertices_that_are_there_and_say_what_the_lists_say(simulated):
    settings, _ = simulated
    vertices = {row["id"] for row in rows(settings.results_dir / "vertices.csv")}
    edges = {(row["src"], row["dst"], row["rank"]) for row in rows(settings.results_dir / "edges.csv")}
    listed = rows(settings.results_dir / "recommendations.csv")
    assert edges == {(f"u:{row['user']}", f"p:{row['product']}", row["rank"]) for row in listed}
    assert vertices == {end for edge in edges for end in edge[:2]}


def test_an_explanation_adds_up_to_the_listed_score_and_names_the_place(simulated):
    settings, generation = simulated
    listed = [row for row in rows(settings.results_dir / "recommendations.csv") if row["user"] == "U00007"]
    for row in listed[:3]:
        found = explaining.explain(generation, settings, "U00007", row["product"])
        assert found.score == pytest.approx(float(row["score"]), rel=1e-5)
        assert sum(part.amount for part in found.parts) == pytest.approx(found.score, abs=1e-4)
        assert (found.rank, found.removed_by) == (int(row["rank"]), "")
        reasons = [part.product for part in found.parts if part.product and part.amount > 0][:3]
        assert set(reasons) == set(json.loads(row["because"]))


def test_an_explanation_says_why_a_product_is_not_listed(spark, simulated):
    settings, generation = simulated
    listed = {row["product"] for row in rows(settings.results_dir / "recommendations.csv") if row["user"] == "U00007"}
    met = {row.product for row in store.read(spark, settings, "events").filter("user = 'U00007'").collect()}
    every = {row["product"] for row in rows(settings.results_dir / "product_mappings.csv")}
    seen = explaining.explain(generation, settings, "U00007", min(met))
    assert "what was met is not listed again (MILLSTREAM_SEEN=never)" in seen.removed_by and seen.rank >= 1
    below = explaining.explain(generation, settings, "U00007", min(every - met - listed))
    assert below.removed_by == "only the first 10 are listed (MILLSTREAM_TOP_N)" and below.rank > 10
    for user, product in (("nobody", min(every)), ("U00007", "nothing")):
        with pytest.raises(explaining.UnknownIdError, match=r"'no(body|thing)' is not in generation"):
            explaining.explain(generation, settings, user, product)


@pytest.mark.slow
def test_a_generation_rebuilt_from_its_manifest_equals_the_first_bit_for_bit(spark, simulated):
    settings, first = simulated
    changed = settings.model_copy(update={"seed": 8, "top_n": 3, "weights": settings.weights | {"view": 4.0}})
    again, differences = pipeline.rebuild(spark, changed, first)
    assert differences == []
    assert again.metrics["published"] is False and again.manifest["rebuilt_from"] == first.id
    assert again.metrics["metrics"] == first.metrics["metrics"]
    assert generations.published(settings).id == first.id


def test_the_engine_that_auto_took_is_recorded_as_learnt(simulated):
    _, generation = simulated
    assert generation.metrics["engine"] == "implicit"
    assert generation.manifest["settings"]["MILLSTREAM_ENGINE"] == {"value": "implicit", "origin": "learnt"}


def test_what_has_no_room_is_refused_before_anything_is_fitted(spark, simulated, monkeypatch):
    settings, _ = simulated
    before = generations.listed(settings)
    monkeypatch.setattr(preflight, "room", lambda *_, **__: preflight.Room(free=1.0, whole=2.0, heap=1.0))
    with pytest.raises(preflight.TooLargeError, match=r"8 factors need about .* by the engine mllib"):
        pipeline.refresh(spark, settings)
    assert generations.listed(settings) == before


@pytest.mark.slow
def test_after_a_rollback_nothing_is_published_until_someone_promotes(spark, simulated):
    settings, first = simulated
    generations.rollback(settings, first)
    second = pipeline.refresh(spark, settings)
    assert second.metrics["published"] is False and "promote" in second.metrics["reason"]
    assert generations.published(settings).id == first.id
    generations.promote(settings, second)
    pipeline.export(spark, settings, second)
    shown = json.loads((settings.results_dir / "metrics.json").read_text())
    assert (shown["generation"], shown["published"]) == (second.id, True)
    assert "promoted by hand" in shown["reason"]


@pytest.mark.chaos
def test_a_part_of_the_event_table_that_is_gone_or_torn_is_named_and_nothing_is_trained(spark, tmp_path):
    settings = settings_for(tmp_path)
    plain(settings.data_dir / "inbox" / "one.csv", "ann,lamp,1,2026-01-01", "bob,lamp,1,2026-01-02")
    ingestion.take_files(spark, settings, settings.data_dir / "inbox")
    (part,) = (settings.data_dir / "events").glob("*.parquet")
    whole = part.read_bytes()
    part.write_bytes(whole[:-10])
    with pytest.raises(tables.DamagedError, match=f"{part.name} has .* bytes, and {len(whole):,} were written"):
        pipeline.refresh(spark, settings)
    part.unlink()
    with pytest.raises(tables.DamagedError, match=f"{part.name} is gone"):
        pipeline.refresh(spark, settings)
    assert generations.listed(settings) == []


@pytest.mark.slow
def test_new_events_keep_the_ids_that_were_given(spark, simulated):
    settings, first = simulated
    known = {row["user"]: row["userId"] for row in generations.scan(first, generations.USERS).to_pylist()}
    plain(settings.data_dir / "inbox" / "two.csv", "A,b,1,2026-01-04", "U00001,b,1,2026-01-05", "zoe,b,1,2026-01-05")
    ingestion.take_files(spark, settings, settings.data_dir / "inbox")
    users = generations.scan(pipeline.refresh(spark, settings), generations.USERS).to_pylist()
    new = {"A": len(known), "zoe": len(known) + 1}
    assert {row["user"]: row["userId"] for row in users} == known | new


@pytest.mark.slow
def test_ratings_are_fitted_and_judged_beside_mean_and_biases(spark, tmp_path):
    settings = settings_for(tmp_path, feedback="explicit", explicit={"factors": 2, "iterations": 3})
    pairs = [(u, p) for u in range(20) for p in range(15) if (u + p) % 3]
    lines = [f"u{u},p{p},{(u * 3 + p * 7) % 10},{1_700_000_000 + (u * 31 + p * 17) % 400 * 3600}" for u, p in pairs]
    ratings = settings.data_dir / "inbox" / "ratings.csv"
    ratings.parent.mkdir(parents=True)
    ratings.write_text("userId,movieId,rating,timestamp\n" + "\n".join(lines) + "\n")
    ingestion.take_files(spark, settings, ratings)
    metrics = pipeline.refresh(spark, settings).metrics
    assert metrics["feedback"] == "explicit"
    assert metrics["metrics"]["rmse"] > 0
    assert metrics["baselines"]["global_mean"]["rmse"] > 0 and metrics["baselines"]["biases"]["rmse"] > 0


def test_it_is_due_when_enough_is_new_counted_from_the_tables(spark, tmp_path):
    settings = settings_for(tmp_path, train_threshold=3)
    plain(settings.data_dir / "inbox" / "one.csv", "ann,lamp,1,2026-01-01", "bob,lamp,1,2026-01-02")
    ingestion.take_files(spark, settings, settings.data_dir / "inbox")
    assert status.due(settings) == (2, 3, True)
    plain(settings.data_dir / "inbox" / "two.csv", "cid,lamp,1,2026-01-03", ",lamp,1,2026-01-03")
    ingestion.take_files(spark, settings, settings.data_dir / "inbox")
    assert status.due(settings).missing == 0


def test_pictures_of_segments_that_were_not_drawn_or_are_of_older_ones_are_outdated(tmp_path):
    """As after a death between files and pictures; where no segments are, none of theirs is missed."""
    settings = settings_for(tmp_path)
    settings.results_dir.mkdir()
    for number, name in enumerate([*FILES, "clusters.png", "segments.json", "elbow.png", "dendrogram.png"]):
        (settings.results_dir / name).touch()
        os.utime(settings.results_dir / name, (number, number))
    assert pipeline.outdated(settings) == ["clusters.png"]
    (settings.results_dir / "elbow.png").unlink()
    assert pipeline.outdated(settings) == ["clusters.png", "elbow.png"]
    (settings.results_dir / "segments.json").unlink()
    assert pipeline.outdated(settings) == []


@pytest.mark.night
@pytest.mark.slow
def test_a_run_as_a_user_calls_it(tmp_path):
    """First below the threshold, then all the same, then nothing new; then what reads the results."""
    settings, results = settings_for(tmp_path), tmp_path / "results"
    simulate(tmp_path / "data" / "inbox", events=900, users=60, products=30)
    few = call(tmp_path, "run", **SMALL)
    assert few.returncode == 3, few.stderr
    assert "900 of 1,000 new events, 100 missing" in few.stdout
    assert not results.exists()
    whole = call(tmp_path, "run", "--now", **SMALL)
    assert whole.returncode == 0, whole.stderr
    assert [name for name in FILES if not (results / name).exists()] == []
    assert "NDCG@10" in whole.stdout and "recommend U" in whole.stdout
    published = generations.published(settings)
    assert json.loads((results / "metrics.json").read_text())["generation"] == published.id
    assert ledger.counts(settings).accepted == len(tables.scan(settings, tables.EVENTS, ["event_id"])) == 900
    again = call(tmp_path, "run", **SMALL)
    assert again.returncode == 0, again.stderr
    assert "nothing to train" in again.stdout and "Spark" not in again.stdout
    assert f"generation {published.id}" in call(tmp_path, "recommend", "U00001").stdout
    unknown = call(tmp_path, "recommend", "nobody").stdout
    assert "'nobody' is unknown" in unknown and "fallback" in unknown
    assert list((tmp_path / "data" / "logs").glob("*-run.jsonl"))
