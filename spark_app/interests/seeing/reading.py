"""A picture -> the text that stands for it, by the reader that is set; one clear line when it cannot be read.

A picture is what a post names (a path below the folder of pictures, or an address where fetching is set) or its bytes.
"""

from PIL import Image

from spark_app.interests.seeing import captions, gemini, ocr, pictures, places
from spark_app.settings import Settings

READERS = ("ocr", "captions", "gemini")
INSTALL = "pip install -r {}"
LIBRARIES = "apt-get install libgl1 libglib2.0-0"


class Unreadable(ValueError):  # noqa: N818 - a picture is that
    """A picture that gives no text: the message is one line that names it and says why."""


def text_of(settings: Settings, source: str | bytes) -> str:
    """The text of a picture, in one line; empty when nothing is written in it, or pictures are not to be read.

    Raises Unreadable.
    """
    if settings.interests.reader == "none":
        return ""
    try:
        content = source if isinstance(source, bytes) else places.content(settings.interests, source)
        return _read(settings, pictures.opened(content))
    except (ValueError, gemini.GeminiError) as error:
        raise Unreadable(f"{_name(source)}: {error}") from None
    except ImportError as error:
        raise Unreadable(f"{_name(source)}: {_lacking(settings.interests.reader, error)}") from None


def lacking(settings: Settings, reader: str | None = None) -> str | None:
    """What a reader, or the one that is set, cannot do without and has not, in one line; None when it can read."""
    reader = reader or settings.interests.reader
    if reader == "gemini":
        return None if gemini.has_key(settings) else "the reader gemini needs GOOGLE_API_KEY"
    try:
        {"ocr": ocr.load, "captions": captions.load}.get(reader, _nothing)()
    except ImportError as error:
        return _lacking(reader, error)
    return None


def _nothing() -> None:
    """What the reader none needs."""


def _read(settings: Settings, image: Image.Image) -> str:
    if settings.interests.reader == "captions":
        return captions.text_of(image, settings.interests.captions_model)
    if settings.interests.reader == "gemini":
        return gemini.described(settings, pictures.as_png(image))
    return ocr.text_of(image)


def _lacking(reader: str, error: ImportError) -> str:
    """A package that is not there, or one whose own libraries are not."""
    if not isinstance(error, ModuleNotFoundError):
        return f"the reader {reader} cannot be loaded: {' '.join(str(error).split())} ({LIBRARIES} may bring it)"
    file = "requirements-serve.txt" if reader == "ocr" else "requirements-interests.txt"
    return f"the reader {reader} needs the package {error.name} ({INSTALL.format(file)})"


def _name(source: str | bytes) -> str:
    return "the picture" if isinstance(source, bytes) else places.shown(source)
