"""Simulated pictures: the same bytes again, all words inside, and files that fit their posts."""

import csv
import subprocess
import sys
from io import BytesIO

import numpy as np
from PIL import Image

from kafka_producer import picturing
from kafka_producer.groups import SHOPPERS
from kafka_producer.picturing import LETTERS, MARGIN, SIZE
from spark_app import layouts

LONGEST = sorted((word for group in SHOPPERS for word in group.words.split()), key=len)[-6:]


def run(*arguments):
    command = [sys.executable, "-m", "kafka_producer", "simulate", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=60, check=False)


def test_the_same_words_and_seed_give_the_same_bytes_and_others_do_not():
    assert picturing.png(["lamp", "sofa"], seed=7) == picturing.png(["lamp", "sofa"], seed=7)
    others = {picturing.png(["sofa", "lamp"], seed=7), picturing.png(["lamp", "sofa"], seed=8)}
    assert picturing.png(["lamp", "sofa"], seed=7) not in others


def test_the_longest_words_stay_within_the_picture():
    pixels = np.asarray(Image.open(BytesIO(picturing.png(LONGEST, seed=7))).convert("L"), dtype=int)
    assert pixels.shape == SIZE[::-1]
    inner = pixels[20:-20, 20:-20]
    letters = np.argwhere(abs(inner - inner[0, 0]) > 60)
    assert letters.min(axis=0).tolist() > [MARGIN - 20, MARGIN - 20]
    assert (letters.max(axis=0) < np.array(inner.shape) - [LETTERS // 4, 10]).all()


def test_posts_become_a_csv_of_the_posts_layout_whose_images_are_files(tmp_path):
    folder = tmp_path / "pictures"
    done = run("--posts", 60, "--pictures", folder, "--posts-csv", "--inbox", tmp_path / "inbox")
    assert done.stdout.startswith("60 posts of 50 users in 4 groups\n")
    (written,) = (tmp_path / "inbox").iterdir()
    rows = list(csv.DictReader(written.read_text().splitlines()))
    assert layouts.recognise(written.read_text().splitlines()[0], {}) is layouts.POSTS
    assert len(rows) == 60
    images = {row["image"] for row in rows} - {""}
    assert images == {str(path.relative_to(folder)) for path in folder.rglob("*.png")}
    assert f"{len(images)} pictures written to {folder}" in done.stderr


def test_pictures_that_are_there_are_not_written_again(tmp_path):
    pictures = [("a/1.png", ["lamp"]), ("a/2.png", ["sofa"])]
    assert picturing.write(pictures[:1], tmp_path, seed=7) == 1
    assert picturing.write(pictures, tmp_path, seed=7) == 1
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["1.png", "2.png"]
