"""Pictures: what is taken, what is refused and in which words."""

import io
import random
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageDraw

from spark_app.interests.seeing import pictures
from spark_app.interests.seeing.pictures import FORMATS, LONGEST, PictureError, opened


def drawn(form="PNG", *, size=(60, 40), mode="RGB", **saved):
    """Bytes of a white picture with a black block at its upper left."""
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).rectangle((0, 0, size[0] // 3, size[1] // 3), fill="black")
    written = io.BytesIO()
    image.convert(mode).save(written, form, **saved)
    return written.getvalue()


def corners(image):
    """Whether each corner is dark: upper left, upper right, lower right, lower left."""
    pixels = np.asarray(image.convert("L"))
    return [bool(pixels[y, x] < 100) for y, x in ((2, 2), (2, -3), (-3, -3), (-3, 2))]


def refused(content):
    with pytest.raises(PictureError) as error:
        opened(content)
    return str(error.value)


@pytest.mark.parametrize("form", FORMATS)
def test_the_usual_formats_are_told_by_their_content(form):
    image = opened(drawn(form))
    assert (image.mode, image.size, corners(image)) == ("RGB", (60, 40), [True, False, False, False])


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "CMYK", "RGBA", "I;16"])
def test_every_kind_of_colour_becomes_rgb(mode):
    content = deep() if mode == "I;16" else drawn("TIFF", mode=mode)
    assert corners(opened(content)) == [True, False, False, False]


def deep():
    grey = np.full((40, 60), 4_000, np.uint16)
    grey[:14, :20] = 100
    written = io.BytesIO()
    Image.fromarray(grey).save(written, "PNG")
    return written.getvalue()


def test_a_picture_is_turned_as_its_camera_was_held():
    exif = Image.Exif()
    exif[0x0112] = 6
    image = opened(drawn("JPEG", exif=exif))
    assert (image.size, corners(image)) == ((40, 60), [False, True, False, False])


@pytest.mark.parametrize(("ink", "ground"), [((0, 0, 0), (255, 255, 255)), ((255, 250, 240), (0, 0, 0))])
def test_what_is_transparent_becomes_a_ground_that_the_ink_stands_out_from(ink, ground):
    image = Image.new("RGBA", (60, 40), (*ink, 0))
    ImageDraw.Draw(image).rectangle((0, 0, 20, 13), fill=(*ink, 255))
    shown = pictures.opaque(image)
    assert (shown.getpixel((2, 2)), shown.getpixel((50, 30))) == (ink, ground)


def test_a_large_picture_is_reduced():
    assert opened(drawn(size=(5_000, 1_000))).size == (LONGEST, LONGEST // 5)


@pytest.mark.parametrize(
    ("side", "words"),
    [
        (8_000, "8,000 x 8,000 pixels, at the most 50,000,000 in all"),
        (10_000, "10,000 x 10,000 pixels, at the most 50,000,000 in all"),
        (100_000, "too many pixels, at the most 50,000,000"),
    ],
)
def test_a_huge_picture_in_a_small_file_is_refused_before_it_is_unpacked(side, words):
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 1_000))
    assert refused(bomb) == words


def chunk(name, content):
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "an empty file"),
        (b"hello", "not a picture, expected PNG, JPEG, WEBP, GIF, BMP or TIFF"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a picture, expected PNG, JPEG, WEBP, GIF, BMP or TIFF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n", "not a picture, expected PNG, JPEG, WEBP, GIF, BMP or TIFF"),
        (b"\0" * (pictures.MOST_BYTES + 1), "20,000,001 bytes, at the most 20,000,000"),
        (drawn(size=(3_000, 3)), "3,000 x 3 pixels, which is a line"),
        (drawn()[:80], "a damaged picture (image file is truncated)"),
    ],
    ids=["empty", "text", "svg", "postscript", "too-large", "line", "cut"],
)
def test_what_is_refused_is_said_in_one_line(content, words):
    assert refused(content) == words


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("form", FORMATS)
def test_damage_of_any_kind_is_a_picture_or_one_line(form):
    luck, good = random.Random(form), drawn(form)
    for _ in range(150):
        damaged = bytearray(good)
        for _ in range(luck.randint(1, 12)):
            damaged[luck.randrange(len(damaged))] = luck.randrange(256)
        try:
            opened(bytes(damaged[: luck.choice([len(damaged), luck.randrange(len(damaged))])]))
        except PictureError as error:
            assert "\n" not in str(error)
