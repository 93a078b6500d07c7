"""An image -> what is written in it, by RapidOCR, which carries its models (PP-OCRv4, Latin letters and Chinese).

The package is imported when the first picture is read: it takes a third of a second, and most commands read none.
"""

from functools import cache
from threading import Lock
from typing import Any

import numpy as np
from PIL import Image

BORDER = 16  # pixels of ground around it: letters at the very edge are found too
LEAST = 736  # pixels of a side: what is smaller would be enlarged before words are looked for, and letters fall apart
LOOKED_AT = 1_280  # pixels of the longer side, as words are looked for; they are read from the whole picture
ROOM = 1.9  # of a box, around what was found: with less, the first and the last letter of a word get lost
_one_at_a_time = Lock()


def text_of(image: Image.Image) -> str:
    """The words of an image from top to bottom and left to right, one blank between them; empty where there are none.

    Raises ImportError where RapidOCR is not installed.
    """
    pixels = np.asarray(_bordered(image))[:, :, ::-1]
    with _one_at_a_time:
        # Its guess which way a line is up turns long ones over that stand as they should; pictures are upright here.
        found, _ = _engine()(np.ascontiguousarray(pixels), use_cls=False)
    return " ".join(" ".join(lines(found or [])).split())


def lines(found: list[Any]) -> list[str]:
    """Texts of boxes (corners, text, certainty) in the order of reading: boxes of one height make a line."""
    boxes = [(np.asarray(corners, float), text) for corners, text, *_ in found]
    boxes.sort(key=lambda box: float(box[0][:, 1].mean()))
    rows: list[list[tuple[float, float, str]]] = []
    for corners, text in boxes:
        middle, height = float(corners[:, 1].mean()), float(np.ptp(corners[:, 1]))
        if not rows or middle - rows[-1][-1][1] > height / 2:
            rows.append([])
        rows[-1].append((float(corners[:, 0].min()), middle, text))
    return [" ".join(text for _, _, text in sorted(row)) for row in rows]


def load() -> None:
    """Import the package, as the first picture would; raises ImportError."""
    import rapidocr_onnxruntime  # noqa: F401


def _bordered(image: Image.Image) -> Image.Image:
    """The same in the middle of a ground that has the colour of its corner."""
    width, height = (max(side + 2 * BORDER, LEAST) for side in image.size)
    larger = Image.new("RGB", (width, height), image.getpixel((0, 0)))
    larger.paste(image, ((width - image.width) // 2, (height - image.height) // 2))
    return larger


@cache
def _engine() -> Any:
    from rapidocr_onnxruntime import RapidOCR

    looking = {"det_limit_type": "max", "det_limit_side_len": LOOKED_AT, "det_unclip_ratio": ROOM}
    return RapidOCR(intra_op_num_threads=1, inter_op_num_threads=1, **looking)
