"""Interests as they are asked for: what is kept, where users lie, and in which group a text or a picture is."""

import io

import planted
import pytest
from asgi import told
from conftest import settings_for
from fastapi.testclient import TestClient
from PIL import Image

from spark_app.serving import app
from spark_app.serving.interest_answers import InterestAssigned, InterestPoints, InterestsFound, UserInterests
from spark_app.storage import interest_files

FORM = "/interests/assign"


@pytest.fixture
def settings(tmp_path):
    return settings_for(tmp_path, interests={"products": tmp_path / "products"}, serve={"max_picture_bytes": 100_000})


def refused(answer, status: int) -> str:
    assert answer.status_code == status and answer.headers["content-type"] == "application/problem+json", answer.text
    return answer.json().get("detail", "")


def test_without_interests_the_command_that_makes_them_is_told(client):
    found = told(client, "/interests")
    assert InterestsFound.model_validate(found) and found["interests"] is None
    assert "python -m spark_app interests" in found["hint"]
    assert "python -m spark_app interests" in refused(client.post(FORM, json={"text": "espresso"}), 404)
    assert "python -m spark_app interests" in refused(client.get("/interests/points"), 404)
    assert client.get("/users/u00001/interests").status_code == 503


def test_what_is_kept_is_told_and_another_at_the_next_question(settings, client):
    folder = planted.keep(settings)
    found = told(client, "/interests")
    assert InterestsFound.model_validate(found) and found["hint"] is None and found["interests"] == folder.summary
    assert [*told(client, "/interests", brief=True)["interests"]] == ["id", "made_at"]
    planted.catalogue(settings.interests.products, "espresso,C1,Machine,,")
    group = str(planted.number("coffee"))
    assert told(client, "/interests")["interests"]["groups"][group]["products"][0]["product"] == "C1"
    planted.catalogue(settings.interests.products, "nonsense")
    assert told(client, "/interests")["interests"] == folder.summary
    second = planted.keep(settings)
    assert told(client, "/interests", brief=True)["interests"]["id"] == second.id != folder.id


def test_users_lie_on_a_map_some_by_chance_and_the_same_each_time(settings, client):
    planted.keep(settings)
    found = told(client, "/interests/points", limit=1000)
    assert InterestPoints.model_validate(found) and (found["shown"], found["all"]) == (120, 120)
    some = told(client, "/interests/points", limit=10)
    assert some["shown"] == 10 and some == told(client, "/interests/points", limit=10)
    assert {"user", "group", "nearest", "confidence", "x", "y"} == some["points"][0].keys()


def test_a_user_is_told_with_the_group_and_what_it_is_about(settings, client):
    planted.keep(settings)
    found = told(client, "/users/u00001/interests")
    assert UserInterests.model_validate(found) and found["user"] == "u00001"
    own = found["interests"]
    assert own["group"] == planted.number("garden") and own["label"].split(", ")[0] in planted.TOPICS["garden"]
    assert own["posts"] == 3 and own["strategy"]["source"] == "template"
    assert client.get("/users/nobody/interests").status_code == 503  # nothing is published to know them from


def test_a_text_is_assigned_from_json_and_from_a_form(settings, client):
    planted.keep(settings)
    found = client.post(FORM, json={"text": planted.COFFEE}).json()
    assert InterestAssigned.model_validate(found) and found["group"] == planted.number("coffee")
    assert found["confidence"] > 0.9 and found["read"] is None and found["products"]
    filled = client.post(FORM, files={"text": (None, planted.COFFEE)}).json()
    assert filled == found
    none = client.post(FORM, json={"text": "zzyzx"}).json()
    assert InterestAssigned.model_validate(none) and none["group"] is None and none["keywords"] == []


def test_a_picture_is_read_and_assigned(settings, client):
    pytest.importorskip("rapidocr_onnxruntime")
    planted.keep(settings)
    found = client.post(FORM, files={"image": ("photo.png", planted.picture())}).json()
    assert InterestAssigned.model_validate(found) and found["group"] == planted.number("garden")
    assert "COMPOST" in found["read"].upper()


@pytest.mark.parametrize(
    ("how", "status", "said"),
    [
        ({"json": {"text": "  "}}, 422, "expected a text, a picture, or both"),
        ({"json": {}}, 422, "body.text: field required"),
        ({"json": {"text": 3}}, 422, "body.text: input should be a valid string"),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400, "EOF"),
        ({"content": b"a", "headers": {"content-type": "text/plain"}}, 415, "send application/json or"),
        ({"content": b"a", "headers": {"content-type": "multipart/form-data"}}, 400, "boundary"),
        ({"content": b"--b\r\n\r\n\x00", "headers": {"content-type": "multipart/form-data; boundary=b"}}, 400, ""),
        ({"files": {"image": ("a.png", b"no picture")}}, 422, "not a picture"),
        ({"files": {"image": ("a.png", b"")}}, 422, "expected a text, a picture, or both"),
        ({"files": {"image": (None, "a path")}}, 422, "image as a file"),
        ({"files": {"image": ("a.png", b"x" * 100_001)}}, 413, "a picture has 100,000 bytes at the most"),
        ({"files": {"image": ("a.png", b"x" * 1_200_000)}}, 413, "a body has 1,100,000 bytes at the most"),
        ({"content": b"x" * 1_000_001, "headers": {"content-type": "application/json"}}, 413, "1,000,000 bytes"),
        ({"files": [("image", ("a", b"x")), ("image", ("b", b"x"))]}, 400, "Too many files"),
    ],
)
def test_what_cannot_be_assigned_is_refused_in_words(settings, client, how, status, said):
    planted.keep(settings)
    assert said in refused(client.post(FORM, **how), status)


def test_a_model_that_is_damaged_is_told_and_all_else_is_answered(settings, client):
    folder = planted.keep(settings)
    (interest_files.model(folder) / "model.npz").write_bytes(b"half")
    assert "model cannot be read" in refused(client.post(FORM, json={"text": "espresso"}), 503)
    assert told(client, "/interests")["interests"]["id"] == folder.id


def test_pictures_of_the_catalogue_come_from_its_folder_and_are_pictures(settings, client):
    folder = planted.catalogue(settings.interests.products, "1,C1,Machine,,machine.png")
    Image.new("RGB", (4, 4), "red").save(folder / "machine.png")
    (folder.parent / "other.png").write_bytes((folder / "machine.png").read_bytes())
    (folder / "out.png").symlink_to(folder.parent / "other.png")
    found = client.get("/interests/pictures/machine.png")
    assert found.headers["content-type"] == "image/png" and Image.open(io.BytesIO(found.content)).size == (4, 4)
    for path in ("shop.csv", "none.png", "out.png", "%2e%2e/other.png", "..%2fother.png", "/etc/passwd"):
        assert client.get(f"/interests/pictures/{path}").status_code in (400, 404)


def test_a_reading_key_is_enough(tmp_path):
    settings = settings_for(tmp_path, serve={"read_key": "a-key-of-the-shop-1234"})
    planted.keep(settings)
    with TestClient(app.create(settings), base_url="http://127.0.0.1") as client:
        assert client.post(FORM, json={"text": planted.COFFEE}).status_code == 401
        key = {"X-API-Key": "a-key-of-the-shop-1234"}
        assert client.post(FORM, json={"text": planted.COFFEE}, headers=key).status_code == 200
