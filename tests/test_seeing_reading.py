"""A picture becomes text by the reader that is set, or one line that says why not."""

import json
import re
from collections import Counter
from io import BytesIO

import pytest
from PIL import Image, ImageDraw, ImageFont
from standing_in import Answer, standing_in

from kafka_producer import picturing
from kafka_producer.activity import Activity, posts
from spark_app.blocks import Interests
from spark_app.interests.seeing import ocr, reading
from spark_app.interests.seeing.reading import Unreadable
from spark_app.settings import Given


@pytest.fixture(scope="module")
def _ocr():
    pytest.importorskip("rapidocr_onnxruntime", reason="OCR needs requirements-serve.txt")


def reads(reader, **more):
    return Given(interests=Interests(reader=reader, **more))


def written(text, *, size=(700, 200), letters=48):
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).multiline_text((20, 20), text, font=ImageFont.load_default(letters), fill="black", spacing=20)
    content = BytesIO()
    image.save(content, "PNG")
    return content.getvalue()


@pytest.mark.usefixtures("_ocr")
def test_at_least_nine_in_ten_words_of_simulated_pictures_are_read():
    told = [said.pictured for _, said in posts(Activity(posts=24, groups=8, pictured=True)) if said.pictured]
    asked, missed = Counter(), Counter()
    for words in told[:5]:
        read = reading.text_of(reads("ocr"), picturing.png(words, seed=7))
        asked += Counter(words)
        missed += Counter(words) - Counter(re.findall("[a-z]+", read.lower()))
    assert asked.total() > 20
    assert missed.total() <= 0.1 * asked.total()


@pytest.mark.usefixtures("_ocr")
def test_lines_are_read_from_top_to_bottom_and_nothing_written_is_no_text():
    assert reading.text_of(reads("ocr"), written("kitten treats\nnaughty walk")) == "kitten treats naughty walk"
    assert reading.text_of(reads("ocr"), written("")) == ""


@pytest.mark.usefixtures("_ocr")
def test_a_picture_of_a_post_is_found_in_the_folder(tmp_path):
    (tmp_path / "a.png").write_bytes(written("kitten"))
    assert reading.text_of(reads("ocr", pictures=tmp_path), "a.png") == "kitten"
    with pytest.raises(Unreadable, match=rf"^b.png: not in {tmp_path}, the folder of pictures$"):
        reading.text_of(reads("ocr", pictures=tmp_path), "b.png")


def test_a_damaged_picture_is_one_line():
    with pytest.raises(Unreadable, match=r"^the picture: not a picture, expected PNG"):
        reading.text_of(reads("ocr"), b"hello")


def test_gemini_is_sent_the_picture_as_png():
    told = {"candidates": [{"content": {"parts": [{"text": "kitten treats\n"}]}}]}
    with standing_in(Answer(body=json.dumps(told).encode())) as server:
        settings = Given(interests=Interests(reader="gemini", gemini_url=server.url), google_api_key="not-a-key")
        assert reading.text_of(settings, written("kitten")) == "kitten treats"
    assert b'"iVBOR' in server.asked[0][3]


def test_gemini_that_refuses_is_one_line():
    with standing_in(Answer(400)) as server:
        settings = Given(interests=Interests(reader="gemini", gemini_url=server.url), google_api_key="not-a-key")
        with pytest.raises(Unreadable, match=r"^the picture: Gemini answers 400: no reason given$"):
            reading.text_of(settings, written("kitten"))


def test_the_reader_none_reads_nothing():
    assert reading.text_of(reads("none"), "../no such picture") == ""


def test_what_a_reader_lacks_is_said_before_anything_is_read(monkeypatch):
    assert reading.lacking(reads("none")) is None
    assert reading.lacking(reads("gemini")) == "the reader gemini needs GOOGLE_API_KEY"
    monkeypatch.setitem(__import__("sys").modules, "rapidocr_onnxruntime", None)
    assert reading.lacking(reads("ocr")) == (
        "the reader ocr needs the package rapidocr_onnxruntime (pip install -r requirements-serve.txt)"
    )


def box(left, top, text, *, height=30):
    return [[[left, top], [left + 80, top], [left + 80, top + height], [left, top + height]], text, 0.9]


def test_boxes_of_one_height_make_a_line_from_left_to_right():
    found = [box(300, 104, "treats"), box(20, 180, "walk"), box(20, 100, "kitten"), box(150, 96, "loves")]
    assert ocr.lines(found) == ["kitten loves treats", "walk"]
