"""An image -> a sentence about it, by a model of Hugging Face (transformers, image to text), by its name or its folder.

The packages are an extra (requirements-interests.txt), imported with the first picture. A name is fetched once, and
kept where Hugging Face keeps its models; a folder needs no network.
"""

from functools import lru_cache
from importlib.util import find_spec
from threading import Lock
from typing import Any

from PIL import Image

MOST_TOKENS = 40
_one_at_a_time = Lock()


class CaptionError(ValueError):
    """A model that cannot be had; one line."""


def text_of(image: Image.Image, model: str) -> str:
    """One sentence, in one line; raises ImportError where transformers or torch is missing, CaptionError on a model."""
    with _one_at_a_time:
        processor, captioner = _loaded(model)
        return _said(processor, captioner, image)


def load() -> None:
    """Look for the packages, without the seconds that importing them takes; raises ImportError."""
    for package in ("torch", "transformers"):
        if find_spec(package) is None:
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)


def _said(processor: Any, captioner: Any, image: Image.Image) -> str:
    import torch

    with torch.inference_mode():
        pixels = processor(images=image, return_tensors="pt").pixel_values
        tokens = captioner.generate(pixel_values=pixels, max_new_tokens=MOST_TOKENS, do_sample=False, num_beams=1)
    return " ".join(processor.batch_decode(tokens, skip_special_tokens=True)[0].split())


@lru_cache(maxsize=1)
def _loaded(model: str) -> tuple[Any, Any]:
    """What prepares pictures and words, and the model itself."""
    from transformers import AutoModelForImageTextToText, AutoProcessor

    try:
        captioner = AutoModelForImageTextToText.from_pretrained(model)
        return AutoProcessor.from_pretrained(model), captioner.eval()
    except (OSError, ValueError, KeyError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise CaptionError(f"the model {model} cannot be had ({reason})") from None
