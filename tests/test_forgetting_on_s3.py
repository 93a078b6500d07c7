"""A user is forgotten in a bucket: every object is searched, and every copy on the machine that did it."""

import gzip
import json
import time
from datetime import UTC, datetime

import pyarrow as pa
import pytest
import remembered
import segmented
from fastapi.testclient import TestClient
from mirrored import brought, put
from remembered import ANN, READ, WORD
from searched import found
from test_fresh import event
from test_ledger import part
from test_published_on_s3 import METRICS, written
from test_tail import rows

from spark_app import generations
from spark_app.forgetting import run
from spark_app.running import failpoints
from spark_app.serving.app import create
from spark_app.serving.forgetting import Follower
from spark_app.serving.fresh import Fresh
from spark_app.storage import bucket, forgotten, ledger, results, segment_files, shelves, table_copies, tables
from spark_app.storage.tables import EVENTS

CSV = "user,product,quantity,timestamp"


class Killed(BaseException):
    """In the place of SIGKILL, within one process."""


def everywhere(settings, home):
    """Objects of the bucket, and files of this machine's copies, that say anything of her."""
    homes = (brought(settings.place(settings.data_dir)._replace(key=""), home), settings.s3.home)
    return [path for home in homes for word in (ANN, WORD, READ) for path in found(home, word)]


def sold(settings):
    """Files of the inbox, one of them taken; two batches of events; what was read here."""
    inbox = settings.place(settings.data_dir / "inbox")
    taken = gzip.compress(f"{CSV}\n{ANN},desk,1,2026-01-10\nbob,rug,1,2026-01-11\n".encode())
    bucket.write(inbox / "taken.csv.gz", taken)
    bucket.write(inbox / "waits.jsonl", f'{{"user": "{ANN}", "product": "rug"}}\n{{"user": "bob"}}\n'.encode())
    bucket.write(inbox / "hers.csv", f"{CSV}\n{ANN},desk,1,2026-01-10\n".encode())
    one = bucket.entry(inbox / "taken.csv.gz")
    facts = {"bytes": one.bytes, "modified_at": one.modified_at, "sha256": "x"}
    for day, user in enumerate([ANN, "bob"]):
        tables.append(settings, EVENTS, rows((f"e{day}", day), user=user), None)
        ledger.account(settings, [part(1, first=day)], {} if day else {"inbox/taken.csv.gz": facts}, None)
    table_copies.here(settings, EVENTS)


def trained(settings):
    """A published generation that knows both, and an older one that is held."""
    for second in (1, 2):
        made = generations.new(settings, datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC))
        generations.write_rows(made, generations.USERS, pa.table({"user": [ANN, "bob"], "userId": [0, 1]}))
        liked = pa.table({"userId": [0, 1], "productId": [0, 0], "strength": [1.0, 1.0]})
        generations.write_rows(made, generations.INTERACTIONS, liked)
        said = {"created_at": "2026-01-01T00:00:00+00:00", "busiest_user": ANN, "events_version": 1}
        generations.finish(made, METRICS | {"users": 2}, said)
    generations.publish(settings, made)


@pytest.fixture
def shop(on_s3):
    """Knows ANN wherever it can, without Spark."""
    settings = on_s3()
    sold(settings)
    trained(settings)
    segmented.of(settings, {ANN: 1, "bob": 1, "cid": 2})
    written(settings, generations.published(settings).id)
    with results.held(settings, "export", 1):
        csv = f"user,product\r\n{ANN},desk\r\nbob,rug\r\n"
        (settings.results_dir / "recommendations.csv").write_bytes(csv.encode())
    return settings


def test_no_object_and_no_copy_holds_the_user_and_others_stay(shop, on_s3, tmp_path):
    before, theirs = generations.published(shop), on_s3("two")
    assert generations.published(theirs).manifest["busiest_user"] == ANN
    assert len(everywhere(shop, tmp_path / "before")) > 15
    receipt = run.forget(shop, ANN)
    assert everywhere(shop, tmp_path / "after") == []
    assert receipt.finished_at and receipt.removed["events"] == 1
    assert (receipt.removed["inbox/taken.csv.gz"], receipt.removed["inbox/waits.jsonl"]) == (1, 1)
    assert len(receipt.left) == 1 and "what other machines have copied" in receipt.left[0]
    assert tables.scan(theirs, EVENTS, ["user"])["user"].to_pylist() == ["bob"]
    assert (ledger.removed(theirs), ledger.is_cut_short(theirs)) == (1, False)
    now = generations.published(theirs)
    assert now.id != before.id and now.manifest["instead_of"] == before.id and now.manifest["busiest_user"] is None
    assert generations.scan(now, generations.USERS)["user"].to_pylist() == ["bob"]
    assert [segment_files.latest(theirs, "behaviour")] == segment_files.listed(theirs, "behaviour")
    place = theirs.place(theirs.results_dir)
    assert generations.published_in(theirs.results_dir, place) == now.id
    assert bucket.text(place / "recommendations.csv") == "user,product\r\nbob,rug\r\n"
    assert not run.forget(theirs, ANN).held


def test_what_was_taken_waits_aside_without_the_user_and_what_waits_waits(shop):
    run.forget(shop, ANN)
    inbox, aside = (shop.place(shop.data_dir / name) for name in ("inbox", "taken"))
    assert [*bucket.listed(inbox)] == ["waits.jsonl"]
    assert bucket.read(inbox / "waits.jsonl") == b'{"user": "bob"}\n'
    assert gzip.decompress(bucket.read(aside / "taken.csv.gz")).decode() == f"{CSV}\nbob,rug,1,2026-01-11\n"


@pytest.mark.whole
@pytest.mark.parametrize("place", ["forget_before_log", "forget_before_old_goes", "forget_mid_results"])
def test_killed_anywhere_another_machine_carries_it_to_its_end(shop, on_s3, tmp_path, monkeypatch, place):
    def reach(name):
        if name == place:
            raise Killed

    with monkeypatch.context() as armed, pytest.raises(Killed):
        armed.setattr(failpoints, "reach", reach)
        run.forget(shop, ANN)
    theirs = on_s3("two")
    receipt = run.forget(theirs, ANN)
    assert receipt.again and everywhere(theirs, tmp_path / "after") == []
    assert generations.published_in(theirs.results_dir, theirs.place(theirs.results_dir)) == (
        generations.published(theirs).id
    )


def test_a_server_of_another_machine_lets_go_within_its_next_look(on_s3, monkeypatch):
    monkeypatch.setattr("spark_app.serving.forgetting.FAR", 0.0)
    ours, theirs, fresh = on_s3("one"), on_s3("two"), Fresh()
    follower = Follower(theirs, fresh)
    fresh.posted([event("1", at=1_000_000), event("2", user="bob", at=1_000_000)])
    follower.look()
    assert len(fresh.of("ann")) == 1
    forgotten.add(ours, "ann", datetime.fromtimestamp(2, UTC))
    follower.look()
    assert (len(fresh.of("ann")), len(fresh.of("bob"))) == (0, 1)


@pytest.mark.whole
def test_a_shop_that_was_trained_and_put_there_forgets_by_the_api(spark, on_s3, tmp_path):
    kept, settings = remembered.folder(spark, tmp_path / "kept"), on_s3()
    put(kept.data_dir, settings.place(settings.data_dir))
    put(kept.results_dir, settings.place(settings.results_dir))
    shown = generations.published(settings)
    with TestClient(create(settings), base_url="http://127.0.0.1") as client:
        assert client.get(f"/users/{ANN}/segment").json()["segments"]
        answer = client.delete(f"/users/{ANN}")
        assert answer.status_code == 200 and answer.json()["held"] and ANN not in answer.text
        # A server looks into a bucket every two seconds.
        until = time.monotonic() + 20
        while client.get(f"/users/{ANN}/history").status_code != 404:
            assert time.monotonic() < until
            time.sleep(0.2)
    logs = {f"data/logs/{path.name}" for path in (kept.data_dir / "logs").iterdir()}
    # What was logged elsewhere is not ours to rewrite, and was put there by this test alone.
    assert set(everywhere(settings, tmp_path / "after")) <= logs
    now = generations.published(settings)
    assert now.manifest["instead_of"] == shown.id and shelves.LATEST in json.dumps([*bucket.listed(
        settings.place(settings.data_dir / "segments" / "behaviour"))])  # fmt: skip
    held = tables.scan(settings, EVENTS, ["user"])["user"].to_pylist()
    assert set(held) == {"bob", "dan", "eve"}
