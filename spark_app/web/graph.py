"""Graph."""


def show() -> None:
    """The page."""
