"""What is popular, by the one definition of it."""

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from spark_app.serving import asking, lists, problems
from spark_app.serving import state as state_
from spark_app.serving.answers import PopularProducts
from spark_app.serving.lists import Filters
from spark_app.serving.routes.recommendations import Cursor, Limit, Price, Word

router = APIRouter(tags=["products"])


@router.get("/popular", response_model=PopularProducts, responses=problems.documented(410))
def popular(
    request: Request,
    limit: Limit = 10,
    cursor: Cursor = None,
    category: Word = None,
    brand: Word = None,
    min_price: Price = None,
    max_price: Price = None,
    in_stock: Annotated[bool | None, Query(description="what is, or is not, out of stock")] = None,
) -> Response:
    """The most popular products, hidden ones left out."""
    state = state_.of(request)
    shown, offset = asking.begun(state, cursor)
    served = shown.served
    filters = asking.filtered(state, served, Filters(category, brand, min_price, max_price, in_stock))
    found = lists.popular(served, filters, offset, limit)
    products = [
        asking.described(state, served, row)
        | {"rank": offset + place + 1, "users": int(served.users_of[row]), "score": score}
        for place, (row, score) in enumerate(zip(found.rows.tolist(), found.scores.tolist(), strict=True))
    ]
    following = asking.following(served, offset + len(products), found.more)
    return asking.answer({
        "generation": served.id, "source": found.source, "removed": found.removed, "products": products,
        "next_cursor": following,
    })  # fmt: skip
