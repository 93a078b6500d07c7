"""Bytes of a picture -> an image to be read: upright, in colours, opaque, of bounded size.

What it is, is told by its content, never by its name. The bounds are looked at before anything is unpacked, so that a
small file of a huge picture costs nothing.
"""

import io
import struct
import warnings
import zlib
from threading import Lock

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
MOST_BYTES = 20_000_000
MOST_PIXELS = 50_000_000
LONGEST = 2_000  # pixels of a side after it was reduced
NARROWEST = 1 / 50  # of the other side: beyond that it is a line
# What decoders raise on damaged bytes.
DAMAGE = (
    OSError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError, EOFError, MemoryError, RuntimeError,
    AttributeError, struct.error, zlib.error,
)  # fmt: skip
_one_at_a_time = Lock()


class PictureError(ValueError):
    """A picture that is none, or beyond the bounds; the message is one line without its name."""


def opened(content: bytes) -> Image.Image:
    """An RGB image of at most 2,000 pixels a side, turned as its camera was held, on a ground that its text stands out.

    Of a moving picture the first frame. Raises PictureError.
    """
    if not content:
        raise PictureError("an empty file")
    if len(content) > MOST_BYTES:
        raise PictureError(f"{len(content):,} bytes, at the most {MOST_BYTES:,}")
    try:
        # What a decoder warns of is damage, or said better here; the filters of warnings are those of all threads.
        with _one_at_a_time, warnings.catch_warnings(action="ignore"):
            return _opened(content)
    except PictureError:
        raise
    except UnidentifiedImageError:
        raise PictureError(f"not a picture, expected {', '.join(FORMATS[:-1])} or {FORMATS[-1]}") from None
    except Image.DecompressionBombError:
        raise PictureError(f"too many pixels, at the most {MOST_PIXELS:,}") from None
    except DAMAGE as error:
        raise PictureError(f"a damaged picture ({' '.join(str(error).split()) or type(error).__name__})") from None


def as_png(image: Image.Image) -> bytes:
    """The bytes of an image, to be sent."""
    written = io.BytesIO()
    image.save(written, "PNG")
    return written.getvalue()


def opaque(image: Image.Image) -> Image.Image:
    """RGB; what was transparent is white, or black behind bright strokes."""
    if image.mode.startswith(("I", "F")):
        return _of_grey(image).convert("RGB")
    if not image.has_transparency_data:
        return image.convert("RGB")
    layered = image.convert("RGBA")
    grey, alpha = np.asarray(image.convert("RGB").convert("L"), float), np.asarray(layered.getchannel("A"), float)
    is_bright = (grey * alpha).sum() > 160 * alpha.sum() and alpha.mean() < 230
    ground = Image.new("RGBA", layered.size, "black" if is_bright else "white")
    return Image.alpha_composite(ground, layered).convert("RGB")


def _opened(content: bytes) -> Image.Image:
    with Image.open(io.BytesIO(content), formats=FORMATS) as image:
        _check_size(*image.size)
        image.draft("RGB", (LONGEST, LONGEST))
        return _reduced(opaque(ImageOps.exif_transpose(image)))


def _check_size(width: int, height: int) -> None:
    if width * height > MOST_PIXELS:
        raise PictureError(f"{width:,} x {height:,} pixels, at the most {MOST_PIXELS:,} in all")
    if min(width, height) < max(width, height) * NARROWEST:
        raise PictureError(f"{width:,} x {height:,} pixels, which is a line")


def _of_grey(image: Image.Image) -> Image.Image:
    """Deep greys, from their darkest to their brightest."""
    deep = np.asarray(image, float)
    span = deep.max() - deep.min()
    return Image.fromarray(((deep - deep.min()) * (255 / span if span else 0)).astype(np.uint8))


def _reduced(image: Image.Image) -> Image.Image:
    image.thumbnail((LONGEST, LONGEST))
    return image
