"""A user is forgotten: every byte that is kept is searched, books are right, and what is published goes on being so."""

import json
import shutil
from datetime import UTC, datetime

import numpy as np
import pytest
import remembered
from conftest import settings_for
from deltalake import DeltaTable
from fastapi.testclient import TestClient
from remembered import ANN, READ, WORD, everywhere
from searched import found
from test_fresh import event
from test_ingestion import inbox
from test_tail import add

from spark_app import generations, ingestion, interactions, pipeline, retention
from spark_app.forgetting import receipts, run, shown
from spark_app.forgetting.whom import Raw, Whom, Words
from spark_app.generations import NotRebuildableError
from spark_app.running import failpoints
from spark_app.serving.app import create
from spark_app.serving.forgetting import Follower
from spark_app.serving.fresh import Fresh
from spark_app.storage import forgotten, interest_files, ledger, segment_files, tables


@pytest.fixture(scope="module")
def kept(spark, tmp_path_factory):
    """A data folder that knows ANN wherever it can, and others beside her."""
    return remembered.folder(spark, tmp_path_factory.mktemp("kept"))


@pytest.fixture
def settings(kept, tmp_path):
    """A copy of it, to be forgotten in."""
    shutil.copytree(kept.data_dir, tmp_path / "data")
    shutil.copytree(kept.results_dir, tmp_path / "results")
    return settings_for(tmp_path)


@pytest.fixture(scope="module")
def removed(kept, tmp_path_factory):
    """What the receipt of a run that nothing disturbs says is gone."""
    home = tmp_path_factory.mktemp("calm")
    shutil.copytree(kept.data_dir, home / "data")
    shutil.copytree(kept.results_dir, home / "results")
    return run.forget(settings_for(home), ANN).removed


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
    """Nor of what she posted, in words and in pictures; words that she alone has are in no interests before either."""
    parts = [f"seen/part-{number}.snappy.parquet" for number in (0, 1)]
    assert len(everywhere(settings)) > 25 and found(settings.data_dir, READ) == parts
    assert found(settings.data_dir, WORD) and not found(interest_files.home(settings), WORD)
    receipt = run.forget(settings, ANN)
    assert everywhere(settings) == []
    assert receipt.held and receipt.finished_at and not receipt.left
    assert (receipt.removed["events"], receipt.removed["quarantine"]) == (6, 3)
    assert (receipt.removed["inbox/a.jsonl"], receipt.removed["inbox/b.csv.gz"]) == (4, 2)
    assert [receipt.removed[part] for part in parts] == [1, 1]
    assert found(settings.data_dir, forgotten.read(settings).hash(ANN))


@pytest.mark.slow
def test_the_books_are_right_and_others_stay(settings):
    before = ledger.counts(settings)
    run.forget(settings, ANN)
    assert users(settings) == ["bob", "bob", "bob", "bob", "dan", "eve", "eve"]
    assert tables.rows(settings, tables.QUARANTINE) == 1
    assert ledger.counts(settings) == before and not ledger.is_cut_short(settings)
    assert before.read == before.accepted + before.duplicates + sum(before.rejected.values())
    assert (ledger.removed(settings), ledger.removed(settings, tables.QUARANTINE)) == (6, 3)


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
    "forget_before_ledger", "forget_before_log", "forget_between_pictures", "forget_before_manifest",
    "forget_between_generations", "forget_before_old_goes", "forget_between_shelves", "forget_mid_results",
])  # fmt: skip
def test_killed_anywhere_the_same_command_carries_it_to_its_end(settings, removed, monkeypatch, place):
    killed(settings, monkeypatch, place)
    assert not ledger.is_cut_short(settings) or retention.settle(settings)
    receipt = run.forget(settings, ANN)
    assert everywhere(settings) == [] and receipt.finished_at and receipt.removed == removed
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


def test_a_user_is_found_in_a_file_that_retention_has_rewritten(tmp_path):
    settings = settings_for(tmp_path)
    add(settings, 0, 1)
    add(settings, 2, user="bob")
    DeltaTable(tables.path(settings, tables.EVENTS)).delete("event_id = 'e0'")
    retention.settle(settings)
    assert run.forget(settings, "ann").removed == {"events": 1}
    assert users(settings) == ["bob"] and ledger.removed(settings) == 2


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
