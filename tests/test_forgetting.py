"""A user is forgotten: every byte that is kept is searched, books are right, and what is published goes on being so."""

import gzip
import json
import shutil
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from builders import generation
from conftest import settings_for
from deltalake import DeltaTable
from fastapi.testclient import TestClient
from searched import found
from test_fresh import event
from test_ingestion import inbox
from test_tail import add

from spark_app import exports, generations, ingestion, interactions, pipeline, retention, store
from spark_app.forgetting import receipts, run, shown
from spark_app.forgetting.whom import Raw, Whom, Words
from spark_app.generations import Generation, NotRebuildableError
from spark_app.running import failpoints
from spark_app.serving.app import create
from spark_app.serving.forgetting import Follower
from spark_app.serving.fresh import Fresh
from spark_app.storage import forgotten, ledger, segment_files, shelves, tables

ANN = "zz-9-Änn"
CSV = "user,product,quantity,timestamp"


def line(user, product, day, **more):
    return json.dumps({"user": user, "product": product, "timestamp": f"2026-01-{day:02}"} | more, ensure_ascii=False)


@pytest.fixture(scope="module")
def kept(spark, tmp_path_factory):
    """A data folder that knows ANN wherever it can, and others beside her."""
    settings = settings_for(tmp_path_factory.mktemp("kept"))
    others = [line(user, product, day) for day, (user, product) in enumerate(
        [("bob", "lamp"), ("bob", "desk"), ("eve", "lamp"), ("eve", "sofa"), ("dan", "desk")], 1)]  # fmt: skip
    hers = [line(ANN, "lamp", 8, event_id="a1", customer_data={"name": "A"}), line(ANN, "rug", 9)]
    bad = [line(ANN, "lamp", 9, quantity="many"), f'{{"user": "{ANN}", "product": ', line("bob", "x", 9, rating="x")]
    (inbox(settings) / "a.jsonl").write_text("\n".join([*others, *hers, *bad]) + "\n")
    rows = f"{CSV}\n{ANN},desk,1,2026-01-10\nbob,rug,1,2026-01-11\n{ANN},desk,much,2026-01-10\n"
    (inbox(settings) / "b.csv.gz").write_bytes(gzip.compress(rows.encode()))
    ingestion.take_files(spark, settings, inbox(settings))
    # Later files, so that there are older versions, and one that waits.
    (inbox(settings) / "c.jsonl").write_text(line(ANN, "desk", 12) + "\n")
    ingestion.take_files(spark, settings, inbox(settings))
    (inbox(settings) / "d.jsonl").write_text(line(ANN, "sofa", 13) + "\n" + line("eve", "rug", 13) + "\n")
    events = store.read(spark, settings, tables.EVENTS).localCheckpoint()
    made = generation(settings, events, version=1, graph=True)
    older = Generation("20260101T000000Z-0001", made.folder.with_name("20260101T000000Z-0001"))
    shutil.copytree(made.folder, older.folder)
    DeltaTable(tables.path(settings, tables.EVENTS)).create_checkpoint()
    _results(settings, made)
    _segments(settings)
    (settings.data_dir / "logs").mkdir()
    log = {"event": f"asked for {ANN}, 17 times", "arguments": ["recommend", ANN], "level": "info"}
    (settings.data_dir / "logs" / "run.jsonl").write_text(json.dumps(log, ensure_ascii=False) + "\n" + json.dumps(log))
    for one in (older, made):
        manifest = one.manifest | {"busiest_user": ANN, "parent": None if one is older else older.id}
        generations.write_json(one.folder / generations.MANIFEST, manifest)
    return settings


def _results(settings, made):
    results = settings.results_dir
    results.mkdir()
    csvs = {"recommendations.csv": generations.RECOMMENDATIONS, "vertices.csv": generations.VERTICES,
            "edges.csv": generations.EDGES, "user_mappings.csv": generations.USERS}  # fmt: skip
    for name, table in csvs.items():
        rows = generations.scan(made, table)
        flat = [column for column in rows.column_names if column != "because"]
        exports.write_rows([list(row.values()) for row in rows.select(flat).to_pylist()], flat, results / name)
    for name in ("recommendation_graph.png", "recommendation_graph.html", "top_products.png"):
        (results / name).write_text(f"drawn of {ANN}" if "graph" in name else "drawn")
    generations.write_json(results / "metrics.json", made.metrics | {"generation": made.id, "users": 4})


def _segments(settings):
    folder = segment_files.new(settings, "behaviour")
    places = {name: [0.0, 1.0, 2.0] for name in ("x", "y", "distance")}
    users = pa.table({"user": ["bob", "eve", ANN], "method": ["kmeans"] * 3, "segment": [0, 1, 1]} | places)
    alike = pa.table({"user": ["bob", ANN], "similar_user": [ANN, "bob"], "score": [0.5, 0.5]})
    shelves.write_rows(folder, segment_files.SEGMENTS, users)
    shelves.write_rows(folder, segment_files.SIMILARITY, alike)
    segment_files.publish(folder, {"segments": {"kmeans": []}, "users": 3})


@pytest.fixture
def settings(kept, tmp_path):
    """A copy of it, to be forgotten in."""
    shutil.copytree(kept.data_dir, tmp_path / "data")
    shutil.copytree(kept.results_dir, tmp_path / "results")
    return settings_for(tmp_path)


def everywhere(settings):
    return found(settings.data_dir, ANN) + found(settings.results_dir, ANN)


class Killed(BaseException):
    """In the place of SIGKILL, within one process."""


def killed(settings, monkeypatch, place):
    """A run that dies at this place."""

    def reach(name):
        if name == place:
            raise Killed

    with monkeypatch.context() as armed, pytest.raises(Killed):
        armed.setattr(failpoints, "reach", reach)
        run.forget(settings, ANN)


def users(settings, name=tables.EVENTS):
    return sorted(tables.scan(settings, name, ["user"])["user"].to_pylist())


@pytest.mark.slow
def test_no_byte_of_the_user_is_left(settings):
    assert len(everywhere(settings)) > 25
    receipt = run.forget(settings, ANN)
    assert everywhere(settings) == []
    assert receipt.held and receipt.finished_at and not receipt.left
    assert (receipt.removed["events"], receipt.removed["quarantine"]) == (4, 3)
    assert (receipt.removed["inbox/a.jsonl"], receipt.removed["inbox/b.csv.gz"]) == (4, 2)
    assert found(settings.data_dir, forgotten.read(settings).hash(ANN))


@pytest.mark.slow
def test_the_books_are_right_and_others_stay(settings):
    before = ledger.counts(settings)
    run.forget(settings, ANN)
    assert users(settings) == ["bob", "bob", "bob", "dan", "eve", "eve"]
    assert tables.rows(settings, tables.QUARANTINE) == 1
    assert ledger.counts(settings) == before and not ledger.is_cut_short(settings)
    assert before.read == before.accepted + before.duplicates + sum(before.rejected.values())
    assert (ledger.removed(settings), ledger.removed(settings, tables.QUARANTINE)) == (4, 3)


@pytest.mark.slow
def test_what_was_taken_is_not_taken_again_nor_what_is_replayed_under_another_name(spark, kept, settings):
    run.forget(settings, ANN)
    for name in ("a.jsonl", "c.jsonl"):
        shutil.copy2(kept.data_dir / "inbox" / name, inbox(settings) / f"again-{name}")
    taken = ingestion.take_files(spark, settings, inbox(settings))
    # Of d.jsonl the event of eve; of the others what others did, once more; of a broken record nobody knows the user.
    assert (taken.read, taken.accepted, taken.duplicates) == (12, 6, 4)
    assert taken.rejected == {"bad_rating": 1, "not_json": 1}
    assert not taken.refused and ANN not in users(settings)
    assert run.forget(settings, ANN).removed["quarantine"] == 1
    (inbox(settings) / "new.jsonl").write_text(json.dumps({"user": ANN, "product": "lamp"}) + "\n")
    assert ingestion.take_files(spark, settings, inbox(settings)).accepted == 1


@pytest.mark.slow
def test_generations_take_the_place_of_those_that_knew_the_user(spark, settings):
    before = {one.id for one in generations.listed(settings)}
    newest = generations.published(settings)
    ids = dict(zip(*generations.scan(newest, generations.USERS).to_pydict().values(), strict=True))
    run.forget(settings, ANN)
    now = generations.listed(settings)
    assert len(now) == 2 and not before & {one.id for one in now}
    shown = generations.published(settings)
    assert shown.id.startswith(newest.id[:-5]) and generations.newest(settings).id == shown.id
    assert shown.manifest["parent"] == now[0].id and shown.manifest["busiest_user"] is None
    assert generations.published_in(settings.results_dir) == shown.id
    left = dict(zip(*generations.scan(shown, generations.USERS).to_pydict().values(), strict=True))
    assert left == {user: number for user, number in ids.items() if user != ANN}
    assert ids[ANN] not in np.load(shown.folder / "user_factors_ids.npy")
    with pytest.raises(NotRebuildableError, match="a user was forgotten on"):
        pipeline.rebuild(spark, settings, shown)


@pytest.mark.slow
def test_an_engine_id_is_never_given_to_another(spark, settings):
    highest = max(generations.scan(generations.published(settings), generations.USERS)["userId"].to_pylist())
    run.forget(settings, ANN)
    assert forgotten.read(settings).least_user_id == highest + 1
    events = spark.createDataFrame([("zoe",)], "user STRING")
    known = generations.read(spark, generations.published(settings), generations.USERS)
    ids = {row["user"]: row["userId"] for row in interactions.user_index(events, known, highest + 1).collect()}
    assert ids["zoe"] == highest + 1


@pytest.mark.slow
@pytest.mark.parametrize("place", [
    "forget_before_ledger", "forget_before_log", "forget_before_manifest", "forget_between_generations",
    "forget_before_old_goes", "forget_between_shelves", "forget_mid_results",
])  # fmt: skip
def test_killed_anywhere_the_same_command_carries_it_to_its_end(settings, monkeypatch, place):
    killed(settings, monkeypatch, place)
    assert not ledger.is_cut_short(settings) or retention.settle(settings)
    receipt = run.forget(settings, ANN)
    assert everywhere(settings) == [] and receipt.finished_at
    assert len(generations.listed(settings)) == 2 and not ledger.is_cut_short(settings)
    assert generations.published_in(settings.results_dir) == generations.published(settings).id
    assert [segment_files.latest(settings, "behaviour")] == segment_files.listed(settings, "behaviour")


@pytest.mark.slow
def test_of_an_unknown_user_nothing_is_held_and_nothing_changes(settings):
    before = tables.version(settings), {one.id for one in generations.listed(settings)}
    receipt = run.forget(settings, "nobody")
    assert not receipt.held and receipt.finished_at
    assert before == (tables.version(settings), {one.id for one in generations.listed(settings)})


@pytest.mark.slow
def test_the_api_answers_as_of_an_unknown_user_at_once(settings):
    with TestClient(create(settings), base_url="http://127.0.0.1") as client:
        client.post("/events", json={"user": ANN, "product": "sofa", "event_id": "posted"})
        assert client.get(f"/users/{ANN}/history").json()["products"]
        assert client.get(f"/users/{ANN}/segment").json()["segments"]
        answer = client.delete(f"/users/{ANN}")
        assert answer.status_code == 200 and answer.json()["held"] and ANN not in answer.text
        assert client.get(f"/users/{ANN}/history").status_code == 404
        assert client.get(f"/users/{ANN}/segment").status_code == 404
        unknown, forgotten_ = (client.get(f"/recommendations/{user}").json() for user in ("nobody", ANN))
        assert forgotten_["recommendations"] == unknown["recommendations"]
        assert forgotten_["generation"] == generations.published(settings).id
        assert client.delete("/users/%00").status_code in (400, 422)
    assert everywhere(settings) == []


def test_a_server_lets_go_of_who_was_forgotten_by_another_process(tmp_path):
    settings, fresh = settings_for(tmp_path), Fresh()
    follower = Follower(settings, fresh)
    fresh.posted([event("1", at=1_000_000), event("2", user="bob", at=1_000_000), event("3", at=3_000_000)])
    follower.look()
    assert len(fresh.of("ann")) == 2
    forgotten.add(settings, "ann", datetime.fromtimestamp(2, UTC))
    follower.look()
    assert [one.event_id for one in fresh.of("ann")] == ["3"]
    assert len(fresh.of("bob")) == 1


@pytest.mark.parametrize("user", ["ann", "o'neil \"x\"", "=1+1", "ж" * 256])
def test_of_the_only_user_an_empty_table_is_left_and_the_books_are_right(tmp_path, user):
    settings = settings_for(tmp_path)
    add(settings, 0, 1, user=user)
    add(settings, 2, user=user)
    assert run.forget(settings, user).removed == {"events": 3}
    assert users(settings) == [] and found(settings.data_dir, user) == []
    assert (ledger.removed(settings), ledger.is_cut_short(settings)) == (3, False)
    assert not run.forget(settings, user).held


@pytest.mark.parametrize(("record", "header", "is_hers"), [
    (b'{"user": "ann", "product": "lamp"}', None, True),
    (b'{"user": "\\u0061nn", "quantity": "x"}', None, True),
    (b'{"user": "bob", "text": "ann"}', None, False),
    (b'{"user": "anna", "product": "lamp"}', None, False),
    (b'{"user": ["ann"]}', None, True),
    (b'{"product": "lamp", "user": "ann", ', None, True),
    (b'{"user": "ann\xff"} "ann"', None, True),
    (b"not json, ann", None, False),
    (b"ann,lamp,1", "user,product,quantity", True),
    (b"bob,ann,1", "user,product,quantity", False),
    (b"ann,lamp,1,2,3", "user,product,quantity", True),
    (b"ann.0;x,ann.0", "a,b", True),
])  # fmt: skip
def test_a_raw_record_is_of_whom_it_names(record, header, is_hers):
    assert Raw(Whom("ann"), header).is_of(record) == is_hers


def test_a_log_keeps_its_length_and_says_the_id_as_a_word_nowhere():
    words = Words("ann")
    line_ = b'{"event": "ann, anna and /users/ann", "ann": 1}'
    assert [line_[start:end] for start, end in words.places(line_)] == [b"ann"] * 3
    assert words.redacted("ann.jsonl of anna") == "[forgotten].jsonl of anna"


def test_interests_lose_the_row_and_the_picture_and_name_the_folder_that_took_the_place(tmp_path):
    settings, results = settings_for(tmp_path), tmp_path / "results"
    results.mkdir()
    (results / "interests.csv").write_bytes(f"user,group\r\n{ANN},1\r\nbob,2\r\n".encode())
    (results / "interests.json").write_text(json.dumps({"id": "old", "users": 2}))
    (results / "interests.png").write_bytes(b"png")
    shown.remove(settings, Whom(ANN, {}), receipts.begun(settings, ANN), {"old": "new"})
    assert (results / "interests.csv").read_bytes() == b"user,group\r\nbob,2\r\n"
    assert json.loads((results / "interests.json").read_text()) == {"id": "new", "users": 2}
    assert not (results / "interests.png").exists()
