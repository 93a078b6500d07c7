"""Segments as they are asked for: what is kept, who is in which, and others as soon as they are kept."""

import json

import orjson
import pytest
import segmented
from asgi import told
from builders import events, generation
from conftest import settings_for
from fastapi.testclient import TestClient

from spark_app.serving import app
from spark_app.serving.segment_answers import SegmentPoints, SegmentProfiles, SegmentsFound, UserSegments
from spark_app.storage import segment_files
from spark_app.tuning import choice

PLANTED = {"ann": 1, "bob": 1, "cid": 2}


def test_without_segments_the_command_that_makes_them_is_told(client):
    found = told(client, "/segments")
    assert found["features"] == {} and found["latest"] is None and found["generation"] is None
    assert "python -m spark_app segments --features behaviour" in found["hint"]
    assert "segments of browsing are kept yet" in told(client, "/segments", features="browsing")["hint"]
    assert client.get("/users/ann/segment").status_code == 503


def test_what_is_kept_is_told_as_segments_json_has_it(settings, client):
    browsing = segmented.of(settings, PLANTED, features="browsing", correlations=segmented.CORRELATIONS)
    behaviour = segmented.of(settings, PLANTED)
    found = told(client, "/segments")
    assert SegmentsFound.model_validate(found) and found["hint"] is None and found["latest"] == "behaviour"
    assert found["features"] == {"behaviour": behaviour.summary, "browsing": browsing.summary}
    one = told(client, "/segments", features="browsing", method="kmeans")["features"]
    assert [*one] == ["browsing"] and [*one["browsing"]["segments"]] == [*one["browsing"]["methods"]] == ["kmeans"]
    assert one["browsing"]["dendrogram"] == browsing.summary["dendrogram"]


def test_who_only_asks_whether_there_are_others_gets_ids_and_no_more(settings, client):
    folder = segmented.of(settings, PLANTED)
    found = told(client, "/segments", brief=True)
    assert SegmentsFound.model_validate(found) and found["latest"] == "behaviour"
    made_at = folder.summary["made_at"]
    assert found["features"] == {"behaviour": {"id": folder.id, "features": "behaviour", "made_at": made_at}}
    assert told(client, "/segments", brief=True, features="factors")["hint"]


@pytest.mark.parametrize("asked", ["features=other", "method=other"])
def test_what_there_is_not_is_refused(client, asked):
    assert client.get(f"/segments?{asked}").status_code == 422


def test_a_user_is_in_a_segment_by_each_method_on_each_set_of_features(settings, client):
    segmented.of(settings, PLANTED, {"ann": 2, "bob": 1, "cid": 2})
    segmented.of(settings, {"ann": 3, "bob": 3, "cid": 3}, features="factors")
    found = told(client, "/users/ann/segment")
    assert UserSegments.model_validate(found) and found["user"] == "ann" and found["generation"] is None
    assert [(one["features"], one["method"], one["segment"]) for one in found["segments"]] == [
        ("behaviour", "agglomerative", 2), ("behaviour", "kmeans", 1),
        ("factors", "agglomerative", 3), ("factors", "kmeans", 3),
    ]  # fmt: skip
    first = found["segments"][0]
    assert (first["label"], first["strategy"], first["size"]) == ("Comes for Christmas", "Write in November", 2)
    assert first["share"] == pytest.approx(2 / 3) and {"x", "y", "distance", "id", "made_at"} <= first.keys()


def test_new_segments_are_told_at_the_next_question(settings, client):
    segmented.of(settings, PLANTED)
    assert {one["segment"] for one in told(client, "/users/ann/segment")["segments"]} == {1}
    second = segmented.of(settings, {"ann": 2, "bob": 2, "cid": 2})
    assert {one["segment"] for one in told(client, "/users/ann/segment")["segments"]} == {2}
    assert told(client, "/segments")["features"]["behaviour"]["id"] == second.id


def test_what_is_damaged_leaves_those_before_and_says_so_where_there_are_none(settings, client):
    first = segmented.of(settings, PLANTED)
    assert told(client, "/segments")["features"]
    second = segmented.of(settings, PLANTED)
    (second.path / "segments.arrow").write_bytes(b"half")
    assert told(client, "/segments")["features"]["behaviour"]["id"] == first.id
    with TestClient(app.create(settings), base_url="http://127.0.0.1") as another:
        answer = another.get("/segments")
        assert answer.status_code == 503 and "segments.arrow cannot be read" in answer.json()["detail"]
        segmented.of(settings, PLANTED, features="factors")
        assert [*told(another, "/segments")["features"]] == ["factors"]


def test_a_listener_hears_of_new_segments(settings, client):
    folder = segmented.of(settings, PLANTED)
    sent = client.get("/stream?events=5").text
    (data,) = [block for block in sent.split("\n\n") if "event: segments" in block]
    (found,) = json.loads(data.partition("data: ")[2])["segments"]
    assert (found["id"], found["features"], found["users"], found["k"]) == (folder.id, "behaviour", 3, 2)


@pytest.mark.slow
def test_who_came_later_has_no_segment_and_who_never_came_is_not_known(spark, tmp_path):
    settings = choice.plain(settings_for(tmp_path, algorithm="popular"))
    made = generation(settings, events(spark, ("dan", "lamp"), ("ann", "lamp")), version=-1)
    segmented.of(settings, PLANTED)
    with TestClient(app.create(settings), base_url="http://127.0.0.1") as client:
        assert told(client, "/users/dan/segment") == {"generation": made.id, "user": "dan", "segments": []}
        assert client.get("/users/eve/segment").status_code == 404
        client.post("/events", content=orjson.dumps({"user": "eve", "product": "lamp"}))
        assert told(client, "/users/eve/segment")["segments"] == []
        alike = told(client, "/users/ann/similar", by="segments")
        assert alike == {"generation": made.id, "user": "ann", "users": [{"user": "bob", "score": 0.9}]}
        assert told(client, "/users/dan/similar", by="segments")["users"] == []
        # The generation never met cid, and nobody ever met fay.
        assert told(client, "/users/cid/similar", by="segments")["users"] == [{"user": "bob", "score": 0.8}]
        assert client.get("/users/cid/similar").status_code == client.get("/users/fay/similar").status_code == 404
        assert client.get("/users/fay/similar?by=segments").status_code == 404
        (segment_files.latest(settings, "behaviour").path / "similarity.arrow").unlink()
        assert told(client, "/users/ann/similar", by="segments") == alike


def test_users_are_placed_some_by_chance_and_the_same_ones_each_time(settings, client):
    planted = segmented.planted(300)
    folder = segmented.keep(settings, planted)
    found = told(client, "/segments/points", limit=1000)
    assert SegmentPoints.model_validate(found)
    assert (found["id"], found["method"], found["shown"], found["all"]) == (folder.id, "kmeans", 300, 300)
    assert [one["user"] for one in found["points"]] == planted.users
    some = told(client, "/segments/points", limit=20, method="agglomerative")
    assert (some["shown"], some["all"]) == (20, 300)
    assert some == told(client, "/segments/points", limit=20, method="agglomerative")
    segment = dict(zip(planted.users, planted.segments["agglomerative"], strict=True))
    assert all(one["segment"] == segment[one["user"]] for one in some["points"])
    assert [one["x"] for one in found["points"]] == pytest.approx(planted.points[:, 0])


def test_the_means_of_a_segment_stand_beside_those_of_all(settings, client):
    segmented.of(settings, PLANTED)
    found = told(client, "/segments/profiles", method="agglomerative")
    assert SegmentProfiles.model_validate(found) and found["columns"] == segmented.COLUMNS
    first, *_ = found["profiles"]
    assert first == {"segment": 1, "feature": "recency_days", "mean": 1.0, "overall_mean": 2.0, "lift": 0.5}
    assert [row["segment"] for row in found["profiles"]] == [1] * 4 + [2] * 4


@pytest.mark.parametrize("path", ["/segments/points", "/segments/profiles"])
def test_what_no_segments_are_kept_of_is_not_found(settings, client, path):
    segmented.of(settings, PLANTED)
    assert client.get(path, params={"features": "factors"}).status_code == 404
    segment_files.latest(settings, "behaviour").path.joinpath("profiles.parquet/part-00000.parquet").unlink()
    assert client.get("/segments/profiles").status_code == 503
