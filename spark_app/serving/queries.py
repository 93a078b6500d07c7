"""What may stand behind the `?` of several routes, with the words that /docs has for it."""

from typing import Annotated

from fastapi import Depends, Query

from spark_app.serving.lists import Filters

Limit = Annotated[int, Query(ge=1, le=1000, description="how many at the most")]
Cursor = Annotated[str | None, Query(max_length=500, description="next_cursor of the part before")]
Search = Annotated[str | None, Query(max_length=256, description="words to search for, or how an id begins")]
_Word = Annotated[str | None, Query(max_length=256, description="this one alone")]
_Price = Annotated[float | None, Query(allow_inf_nan=False, description="products without a price are left out")]
_Stock = Annotated[bool | None, Query(description="what is, or is not, out of stock")]


def _filters(
    category: _Word = None, brand: _Word = None, min_price: _Price = None, max_price: _Price = None,
    in_stock: _Stock = None,
) -> Filters:  # fmt: skip
    return Filters(category, brand, min_price, max_price, in_stock)


OfProducts = Annotated[Filters, Depends(_filters)]
