"""Pictures of posts become text: each is read once, again when it changes, and what cannot be read is told."""

import pytest
from conftest import settings_for
from PIL import Image, ImageDraw, ImageFont

from spark_app.cohorts import seen_pictures
from spark_app.frames.held import released
from spark_app.interests.seeing import reading

pytest.importorskip("rapidocr_onnxruntime", reason="OCR is not installed")


def picture(folder, name, words):
    image = Image.new("RGB", (420, 90), "white")
    ImageDraw.Draw(image).text((20, 20), words, "black", ImageFont.load_default(40))
    image.save(folder / name)


def asked(settings, **said):
    return settings.model_copy(update={"interests": settings.interests.model_copy(update=said)})


@pytest.fixture
def home(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    picture(folder, "sale.png", "puppy treats")
    picture(folder, "empty.png", "")
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


def found(spark, settings, images):
    """Picture -> what it says, and the counts; nothing is held for the next time."""
    with released():
        said, counts = seen_pictures.texts(spark, settings, images)
        return {row["image"]: row["said"].lower() for row in said.collect()}, counts


@pytest.mark.slow
def test_each_is_read_once_and_again_when_it_changes(spark, tmp_path, home, capsys, monkeypatch):
    settings = asked(settings_for(tmp_path), pictures=home)
    names = ("sale.png", "empty.png", "broken.png", "gone.png")
    images = spark.createDataFrame([(name,) for name in names], "image STRING")
    assert found(spark, settings, images) == ({"sale.png": "puppy treats"}, (1, 2, 1))
    told = capsys.readouterr().err
    assert "broken.png: " in told and "gone.png: not in" in told
    with monkeypatch.context() as patched:
        patched.setattr(seen_pictures, "_read_new", lambda *_: None)
        assert found(spark, settings, images)[1] == (1, 2, 1)
        picture(home, "sale.png", "rose compost bloom")
        assert found(spark, settings, images)[1] == (0, 3, 1)
    assert found(spark, settings, images)[0] == {"sale.png": "rose compost bloom"}


def test_without_a_reader_they_are_counted_and_nothing_is_read(spark, tmp_path, home, monkeypatch, capsys):
    images = spark.createDataFrame([("sale.png",)], "image STRING")
    none = asked(settings_for(tmp_path), pictures=home, reader="none")
    assert seen_pictures.texts(spark, none, images)[1] == (0, 0, 1)
    monkeypatch.setattr(reading, "lacking", lambda _: "the reader ocr needs something")
    said, counts = seen_pictures.texts(spark, asked(settings_for(tmp_path), pictures=home), images)
    assert said.isEmpty() and counts == (0, 1, 0)
    assert "1 picture is not read: the reader ocr needs something" in capsys.readouterr().err
