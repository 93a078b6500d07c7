"""Settings -> the equations that they ask for. Apart from those, for the executors need no settings."""

from spark_app import blocks
from spark_app.blocks import Als, Explicit
from spark_app.numbers.equations import Equations


def implicit(settings: Als) -> Equations:
    """Those of implicit feedback."""
    return Equations(_given(settings.regularization, blocks.REGULARIZATION), _given(settings.alpha, blocks.ALPHA))


def explicit(settings: Explicit) -> Equations:
    """Those of ratings."""
    return Equations(_given(settings.regularization, blocks.EXPLICIT_REGULARIZATION), implicit=False)


def _given(value: float | None, plain: float) -> float:
    return plain if value is None else value
