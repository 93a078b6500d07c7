"""What is posted to be assigned: JSON or a form in, a text and a picture out, and the picture as text.

Nothing of it is kept. A picture comes as its bytes alone: no path and no address is followed for whoever asks.
"""

from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.requests import Request

from spark_app.blocks import Serve
from spark_app.interests.assigning import Asked
from spark_app.serving.interest_answers import InterestAsked
from spark_app.serving.problems import Problem
from spark_app.settings import Settings

JSON, FORM = "application/json", "multipart/form-data"
_EXPECTED = "expected a text, a picture, or both"


async def taken(request: Request, serve: Serve) -> tuple[str, bytes | None]:
    """(text, bytes of the picture or None) of a request; Problem 400, 413, 415 or 422 where it has neither."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == FORM:
        text, image = await _form(request, serve)
    elif kind in (JSON, ""):
        text, image = _json(await request.body()), None
    else:
        raise Problem(415, "Unknown content", f"send {JSON} or {FORM}")
    if not text.strip() and not image:
        raise Problem(422, "Not valid", _EXPECTED)
    return text, image


def read(settings: Settings, text: str, image: bytes | None) -> Asked:
    """The picture as text, beside the text; Problem 422 where the picture cannot be read. One at a time."""
    if image is None:
        return Asked(text)
    # What opens pictures is loaded with the first one.
    from spark_app.interests.seeing import reading

    try:
        return Asked(text, reading.text_of(settings, image))
    except reading.Unreadable as error:
        raise Problem(422, "Unreadable picture", str(error)) from None


def _json(body: bytes) -> str:
    try:
        return InterestAsked.model_validate_json(body).text
    except ValidationError as error:
        (first, *_) = error.errors()
        if first["type"] == "json_invalid":
            raise Problem(400, "Not JSON", str(first["msg"]).removeprefix("Invalid JSON: ")) from None
        where = ".".join(["body", *map(str, first["loc"])])
        raise Problem(422, "Not valid", f"{where}: {str(first['msg'])[:1].lower()}{str(first['msg'])[1:]}") from None


async def _form(request: Request, serve: Serve) -> tuple[str, bytes | None]:
    async with request.form(max_files=1, max_fields=1, max_part_size=serve.max_body_bytes) as form:
        text, image = form.get("text", ""), form.get("image")
        if not isinstance(text, str) or isinstance(image, str):
            raise Problem(422, "Not valid", "expected text as a field and image as a file")
        return text, None if image is None else await _content(image, serve.max_picture_bytes)


async def _content(image: UploadFile, most: int) -> bytes:
    content = await image.read()
    if len(content) > most:
        raise Problem(413, "Too large", f"a picture has {most:,} bytes at the most")
    return content
