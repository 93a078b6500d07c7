"""Lists: of a user, of several, of a session without a user, of a group."""

import asyncio
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.routing import APIRoute
from starlette.types import Receive, Scope, Send

from spark_app.serving import asking, lists, people, problems, reasons
from spark_app.serving import state as state_
from spark_app.serving.answers import Group, Lists, Recommendations, Session, Several
from spark_app.serving.lists import Filters
from spark_app.serving.model import Served
from spark_app.serving.problems import Problem
from spark_app.serving.queries import Cursor, Limit, OfProducts
from spark_app.serving.shown import Shown
from spark_app.serving.state import State

router = APIRouter(tags=["recommendations"])

_LIMIT = 10
# Each looks at all products.
_EXPLAINED = 50
_NO_FILTERS = Filters()


async def recommendations(
    request: Request,
    user: str,
    asked: OfProducts,
    limit: Limit = _LIMIT,
    cursor: Cursor = None,
    exclude_seen: Annotated[bool | None, Query(description="overrides the shop's policy")] = None,
    explain: Annotated[bool, Query(description=f"with the parts of each score, of {_EXPLAINED} at the most")] = False,
) -> Response:
    """The best products for a user, filters first.

    Of whom nothing is known but a segment gets what is popular in it, with the source segment; all others what is
    popular with everyone.
    """
    state = state_.of(request)
    shown, offset = asking.begun(state, cursor)
    filters = asking.filtered(state, shown.served, asked._replace(exclude_seen=exclude_seen))
    if explain and limit > _EXPLAINED:
        raise Problem(422, "Not valid", f"explain: expected a limit of {_EXPLAINED} at the most")
    found = await of_user(state, shown, user, filters, offset, limit)
    return asking.answer(await run_in_threadpool(_taken_apart, state, shown.served, user, found) if explain else found)


def _taken_apart(state: State, served: Served, user: str, found: bytes) -> dict[str, Any]:
    """A list with the parts of each score, as /explain has them."""
    one, whole = asking.person(state, served, user), dict(orjson.loads(found))
    for item in whole["recommendations"]:
        parts = reasons.of(served, one, served.products.find(item["product"])).parts
        item["parts"] = [part._asdict() for part in parts]
    return whole


class _Plain(APIRoute):
    """A list without any value in its address is answered at once: nothing is asked for more."""

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Everything else goes the usual way."""
        if scope["query_string"] or scope["method"] != "GET":
            await super().handle(scope, receive, send)
            return
        state: State = scope["app"].state.millstream
        found = await of_user(state, state.shown(), scope["path_params"]["user"], _NO_FILTERS, 0, _LIMIT)
        await asking.answer(found)(scope, receive, send)


router.add_api_route(
    "/recommendations/{user:path}", recommendations, response_model=Recommendations,
    responses=problems.documented(410), route_class_override=_Plain,
)  # fmt: skip


@router.post("/recommendations", response_model=Lists)
async def of_several(request: Request, asked: Several) -> Response:
    """The lists of several users."""
    state = state_.of(request)
    shown = state.shown()
    made = [of_user(state, shown, user, Filters(), 0, asked.limit) for user in asked.user_ids]
    lists_ = [orjson.Fragment(one) for one in await asyncio.gather(*made)]
    return asking.answer({"generation": shown.served.id, "lists": lists_})


@router.post("/recommendations/session", response_model=Recommendations)
async def of_session(request: Request, asked: Session) -> Response:
    """A list by what somebody does just now, on top of what is known of the user, if one is named."""
    state = state_.of(request)
    shown = state.shown()
    one = asking.somebody(state, shown.served, asked)
    found = await lists.made(shown.served, one, Filters(), shown.best, 0, asked.limit)
    return asking.answer(asking.listed(state, shown.served, asked.user, found, offset=0, folded=one.folded))


@router.post("/recommendations/group", response_model=Recommendations)
async def of_group(request: Request, asked: Group) -> Response:
    """One list for several users together, without what one of them may not see."""
    state = state_.of(request)
    shown = state.shown()
    members = [asking.person(state, shown.served, user) for user in dict.fromkeys(asked.user_ids)]
    together = await run_in_threadpool(people.group, shown.served, members)
    found = await lists.made(shown.served, together, Filters(), shown.best, 0, asked.limit)
    return asking.answer(asking.listed(state, shown.served, None, found, offset=0, folded=together.folded))


async def of_user(
    state: State, shown: Shown, user: str, filters: Filters, offset: int, limit: int
) -> bytes:
    """The published list where it is what was asked for, or one that is made now."""
    served = shown.served
    later = state.fresh.of(user, served.version)
    user_id = served.user_id(user)
    if filters.are_plain and not later and (page := shown.page(user_id, offset, limit)) is not None:
        return asking.listed(state, served, user, page.found, offset=offset, folded=0, items=page.items)
    one = asking.anyone(state, served, user, later)
    found = await lists.made(served, one, filters, shown.best, offset, limit)
    return asking.listed(state, served, user, found, offset=offset, folded=one.folded)
