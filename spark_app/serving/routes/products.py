"""Products: what there are, what is known of each, what is like it, and who should get it."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from spark_app.serving import alike, asking, lists, problems, search
from spark_app.serving import state as state_
from spark_app.serving.answers import Buyers, ProductDetail, Products, SimilarProducts
from spark_app.serving.model import Served
from spark_app.serving.people import ALWAYS
from spark_app.serving.problems import Problem
from spark_app.serving.queries import Cursor, Limit, OfProducts, Search
from spark_app.serving.state import State

router = APIRouter(tags=["products"])
UNLIKE = problems.documented(404, 409)


@router.get("/products", response_model=Products, responses=problems.documented(410))
def products(
    request: Request,
    asked: OfProducts,
    limit: Limit = 100,
    cursor: Cursor = None,
    q: Search = None,
) -> Response:
    """Every product that the generation has met, hidden ones too; with `q` those that fit, the best first.

    First those whose id begins so, then those of whose name words do, then those that say it in their id, name, brand
    or category. Neither case nor accents matter. A cursor goes on with the same `q` and filters.
    """
    state = state_.of(request)
    shown, offset = asking.begun(state, cursor)
    served = shown.served
    rows = search.products(served, q, lists.those(served, asking.filtered(state, served, asked)))
    part, following = asking.part(served, rows, offset, limit)
    found = [asking.described(state, served, int(row)) for row in part]
    return asking.answer({"generation": served.id, "next_cursor": following, "products": found})


@router.get("/products/similar", response_model=SimilarProducts, responses=UNLIKE)
def similar_to_several(
    request: Request,
    product: Annotated[list[str], Query(min_length=1, max_length=100, description="one or several")],
    to: Annotated[list[str] | None, Query(max_length=1000, description="these alone, in this order")] = None,
    limit: Limit = 10,
) -> Response:
    """What is most like several products, the mean; or how much some others are like them."""
    return _similar(state_.of(request), product, limit, to)


@router.get("/products/representative", response_model=SimilarProducts)
def representative(request: Request, limit: Limit = 10) -> Response:
    """For each factor of the model the product that lies most along it."""
    state = state_.of(request)
    served = state.shown().served
    found = _scored(state, served, alike.representatives(served, limit))
    return asking.answer({"generation": served.id, "products": found})


@router.get("/products/{product:path}/similar", response_model=SimilarProducts, responses=UNLIKE)
def similar(request: Request, product: str, limit: Limit = 10) -> Response:
    """What is most like a product."""
    return _similar(state_.of(request), [product], limit, None)


@router.get("/products/{product:path}/users", response_model=Buyers, responses=problems.documented(404))
def buyers(request: Request, product: str, limit: Limit = 10) -> Response:
    """Who should get a product most of all."""
    state = state_.of(request)
    served = state.shown().served
    lately = state.fresh.users_of(product) if served.settings.seen != ALWAYS else ()
    found = alike.buyers(served, asking.row_of(served, product), limit, lately)
    users = [{"user": user, "score": score} for user, score in found]
    return asking.answer({"generation": served.id, "product": product, "users": users})


@router.get("/products/{product:path}", response_model=ProductDetail, responses=problems.documented(404))
def detail(request: Request, product: str) -> Response:
    """All that is known of a product."""
    state = state_.of(request)
    served = state.shown().served
    row = asking.row_of(served, product)
    return asking.answer(asking.described(state, served, row) | {
        "generation": served.id, "users": int(served.users_of[row]), "hidden": bool(served.hidden[row]),
        "rule": served.maps.products["rule"][row].as_py(), "recommended": bool(served.place_of_row[row] >= 0),
    })  # fmt: skip


def _similar(state: State, names: list[str], limit: int, to: list[str] | None) -> Response:
    served = state.shown().served
    rows = [asking.row_of(served, name) for name in names]
    candidates = [asking.row_of(served, name) for name in to] if to is not None else None
    found = alike.products(served, rows, limit, candidates)
    if not found and served.mould is None:
        raise Problem(409, "No model", f"generation {served.id} has no model: its lists are {served.fallback}'s")
    return asking.answer({"generation": served.id, "products": _scored(state, served, found)})


def _scored(state: State, served: Served, found: list[tuple[int, float]]) -> list[dict[str, Any]]:
    return [asking.described(state, served, row) | {"score": score} for row, score in found]
