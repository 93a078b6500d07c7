"""Words of a post -> a picture with these words in it, as the bytes of a PNG; the same words and seed, the same bytes.

The words stand large, two to a line at the most, in colours that can be told apart. The font comes with Pillow.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import blake2b
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from kafka_producer.files import aside

SIZE = (640, 480)
LETTERS = 52  # pixels
MARGIN, BETWEEN = 48, 36
# Ground and letters.
COLOURS = (
    ("#fdf6e3", "#1d3557"), ("#ffffff", "#222222"), ("#1d3557", "#ffffff"), ("#2b2d42", "#ffe8a3"),
    ("#e8f3ec", "#14532d"), ("#fde2e4", "#5f0f40"), ("#14532d", "#f4f9f4"), ("#dbeafe", "#312e81"),
)  # fmt: skip


def png(words: Sequence[str], *, seed: int) -> bytes:
    """A picture of some words: what ground it has and where they stand depends on them and the seed."""
    drawn = blake2b(f"{seed} {' '.join(words)}".encode(), digest_size=8).digest()
    ground, letters = COLOURS[drawn[0] % len(COLOURS)]
    image = Image.new("RGB", SIZE, ground)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(LETTERS)
    lines = list(laid_out(words, font.getlength))
    step = (SIZE[1] - 2 * MARGIN) // max(len(lines), 1)
    for place, line in enumerate(lines):
        left = MARGIN + drawn[1 + place % 6] % 40
        for word in line:
            pen.text((left, MARGIN + place * step), word, fill=letters, font=font)
            left += int(font.getlength(word)) + BETWEEN
    pen.rectangle((12, 12, SIZE[0] - 13, SIZE[1] - 13), outline=letters, width=3)
    written = BytesIO()
    image.save(written, "PNG")
    return written.getvalue()


def laid_out(words: Sequence[str], length: Callable[[str], float]) -> Iterator[list[str]]:
    """Lines of one or two words, so that each fits; `length` gives the pixels of a word."""
    line: list[str] = []
    for word in words:
        width = sum(length(one) + BETWEEN for one in [*line, word])
        if line and (len(line) == 2 or width > SIZE[0] - 2 * MARGIN - 40):
            yield line
            line = []
        line.append(word)
    if line:
        yield line


def write(pictures: Iterable[tuple[str, Sequence[str]]], folder: Path, *, seed: int) -> int:
    """A file for each (path below the folder, words), whole or not there; how many were not there before."""
    count = 0
    for path, words in pictures:
        target = folder / path
        if target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        with aside(target) as file:
            file.write(png(words, seed=seed))
        count += 1
    return count
