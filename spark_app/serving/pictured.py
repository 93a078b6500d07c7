"""Pictures of the catalogue: a path in its folder in, the bytes out, of pictures alone and never from elsewhere."""

import io

from spark_app.blocks import Interests
from spark_app.serving.problems import Problem

KINDS = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "GIF": "image/gif"}


def of_catalogue(settings: Interests, path: str) -> tuple[bytes, str]:
    """(bytes, media type) by the content of the file, whatever it is called; Problem 404 where it is none of KINDS."""
    # What opens pictures is loaded with the first one.
    from spark_app.interests.seeing import places
    from spark_app.interests.seeing.pictures import PictureError

    folder = settings.model_copy(update={"pictures": settings.products, "fetch": False})
    try:
        content = places.content(folder, path)
        return content, _kind(content)
    except PictureError as error:
        raise Problem(404, "No picture", str(error)) from None


def _kind(content: bytes) -> str:
    from PIL import Image

    from spark_app.interests.seeing.pictures import DAMAGE, PictureError

    try:
        with Image.open(io.BytesIO(content), formats=[*KINDS]) as image:
            return KINDS[str(image.format)]
    except DAMAGE:
        raise PictureError(f"not a picture, expected {', '.join(KINDS)}") from None
