"""What is popular, by the one definition of it."""


from fastapi import APIRouter, Request, Response

from spark_app.serving import asking, lists, problems
from spark_app.serving import state as state_
from spark_app.serving.answers import PopularProducts
from spark_app.serving.queries import Cursor, Limit, OfProducts

router = APIRouter(tags=["products"])


@router.get("/popular", response_model=PopularProducts, responses=problems.documented(410))
def popular(
    request: Request,
    asked: OfProducts,
    limit: Limit = 10,
    cursor: Cursor = None,
) -> Response:
    """The most popular products, hidden ones left out."""
    state = state_.of(request)
    shown, offset = asking.begun(state, cursor)
    served = shown.served
    filters = asking.filtered(state, served, asked)
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
