"""What is known of a product, the newest events included."""

from typing import Any

from spark_app.serving.fresh import Details, Fresh
from spark_app.serving.model import Served

_NOTHING_NEW = Details()


def of_row(served: Served, fresh: Fresh, row: int) -> dict[str, Any]:
    """Of a product that the generation knows."""
    known = served.product(row)
    newer = fresh.details(known["product"])
    if newer == _NOTHING_NEW:
        return known
    return known | {name: value for name, value in newer._asdict().items() if value is not None}


def of_product(served: Served, fresh: Fresh, product: str) -> dict[str, Any]:
    """Of any product by its id."""
    row = served.products.find(product)
    return of_row(served, fresh, row) if row >= 0 else {"product": product} | fresh.details(product)._asdict()
