"""The API as the pages ask it: the only room that speaks HTTP. What cannot be had is one Trouble, whatever it was."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal
from urllib.parse import quote

import httpx
import streamlit as st

# An answer takes milliseconds; who has not answered by then will not.
_TIMEOUT = httpx.Timeout(10.0, connect=2.0)
# But to read a picture, others of which may come before, takes seconds.
_TO_READ = httpx.Timeout(60.0, connect=2.0)
_CONNECTIONS = httpx.Limits(max_connections=32, max_keepalive_connections=8, keepalive_expiry=20.0)
Kind = Literal["away", "slow", "key", "not ready", "unknown", "gone", "refused"]
_KINDS: dict[int, Kind] = {401: "key", 403: "key", 404: "unknown", 410: "gone"}
# Of those that may pass by themselves (503), what is told apart.
_FOR_NOW: dict[str, Kind] = {"Not ready": "not ready", "Busy": "slow"}
Found = dict[str, Any]


class Trouble(Exception):  # noqa: N818 - not always an error: a shop may have nothing yet
    """What the API did not answer: its kind, and what it said in words."""

    def __init__(self, kind: Kind, said: str, url: str = "") -> None:
        super().__init__(said)
        self.kind, self.said, self.url = kind, said, url


class Api:
    """One API at its address; connections are kept and shared by all who look at the page."""

    def __init__(self, url: str, key: str = "") -> None:
        self.url = url.rstrip("/")
        headers = {"X-API-Key": key} if key else {}
        # The settings alone say where it is: no proxy of the environment, and no other address by a redirect.
        self.client = httpx.Client(timeout=_TIMEOUT, limits=_CONNECTIONS, headers=headers, trust_env=False)

    def get(self, *path: str, **asked: object) -> Found:
        """The answer to GET; parts of the path are ids of the shop, with whatever stands in them."""
        given = {name: value for name, value in asked.items() if value not in (None, "")}
        return self._asked("GET", path, params=given)

    def post(self, *path: str, body: object) -> Found:
        """The answer to POST of JSON."""
        return self._asked("POST", path, json=body)

    def _asked(self, method: str, path: Sequence[str], **how: Any) -> Found:
        return _read(self._answered(method, path, **how), self.url)

    def _answered(self, method: str, path: Sequence[str], **how: Any) -> httpx.Response:
        """The answer, when it is one; Trouble for any other."""
        address = "/".join([self.url, *(quote(part, safe="") for part in path)])
        try:
            answer = self.client.request(method, address, **how)
        except httpx.TimeoutException:
            patience = how.get("timeout", _TIMEOUT)
            raise Trouble("slow", f"{self.url} took more than {patience.read:.0f} s", self.url) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise Trouble("away", str(error) or type(error).__name__, self.url) from None
        if answer.is_success:
            return answer
        problem = _problem(answer)
        said = problem.get("detail") or problem.get("title") or f"it answered with status {answer.status_code}"
        raise Trouble(_kind(answer.status_code, str(problem.get("title"))), str(said), self.url)

    # What the pages ask for, a line each.

    def status(self) -> Found:
        """Events by state, the distance to the next training, the rate, the lag, the last batches."""
        return self.get("status")

    def generations(self) -> Found:
        """What was trained, the newest first, with metrics and baselines."""
        return self.get("generations")

    def recommendations(self, user: str, limit: int) -> Found:
        """The list of a user, by POST: so that any id can be asked for."""
        found = self.post("recommendations", body={"user_ids": [user], "limit": limit})
        return dict(found["lists"][0])

    def session(self, events: Sequence[Mapping[str, Any]], limit: int) -> Found:
        """A list by what somebody does who need not be known."""
        return self.post("recommendations", "session", body={"events": list(events), "limit": limit})

    def history(self, user: str, limit: int, cursor: str | None = None) -> Found:
        """What a user has met; Trouble of the kind unknown for one without any event."""
        return self.get("users", user, "history", limit=limit, cursor=cursor)

    def explain(self, user: str, product: str) -> Found:
        """The parts of a score, and what keeps a product out of the list."""
        return self.get("explain", user=user, product=product)

    def users(self, words: str, limit: int, order: str = "id") -> Found:
        """Users whose id begins with these words, or has them."""
        return self.get("users", q=words, limit=limit, order=order)

    def similar_users(self, user: str, limit: int) -> Found:
        """Who is most like a user."""
        return self.get("users", user, "similar", limit=limit)

    def products(self, words: str, limit: int, cursor: str | None = None) -> Found:
        """Products with these words, a part at a time."""
        return self.get("products", q=words, limit=limit, cursor=cursor)

    def product(self, product: str) -> Found:
        """All that is known of one."""
        return self.get("products", product)

    def similar(self, product: str, limit: int) -> Found:
        """What is most like a product."""
        return self.get("products", product, "similar", limit=limit)

    def buyers(self, product: str, limit: int) -> Found:
        """Who should get a product."""
        return self.get("products", product, "users", limit=limit)

    def popular(self, limit: int) -> Found:
        """The most popular products."""
        return self.get("popular", limit=limit)

    def trending(self, **asked: object) -> Found:
        """What is rising in a range of time; without one, of the last seven days."""
        return self.get("trending", **asked)

    def recent(self, user: str, kind: str) -> Found:
        """The last brands of a user, or products."""
        return self.get("users", user, "brands", kind=kind)

    def trending_for(self, user: str, limit: int) -> Found:
        """What rises among the last brands of a user."""
        return self.get("users", user, "trending", limit=limit)

    def add(self, event: Mapping[str, Any]) -> Found:
        """What became of an event that is posted."""
        return dict(self.post("events", body=dict(event))["events"][0])

    def graph(self, **filters: object) -> Found:
        """A part of the recommendation graph, and how much there is."""
        return self.get("graph", **filters)

    def communities(self, limit: int) -> Found:
        """The largest communities of the graph, and their hubs."""
        return self.get("graph", "communities", limit=limit)

    def segments(self, **asked: object) -> Found:
        """The kept segments of each set of features, or ids alone, and which of these was made last."""
        return self.get("segments", **asked)

    def segment_points(self, features: str, method: str, limit: int) -> Found:
        """Where some of the users lie."""
        return self.get("segments", "points", features=features, method=method, limit=limit)

    def segment_profiles(self, features: str, method: str) -> Found:
        """The means of each segment beside those of all."""
        return self.get("segments", "profiles", features=features, method=method)

    def segments_of(self, user: str) -> Found:
        """The segments that a user is in."""
        return self.get("users", user, "segment")

    def interests(self, **asked: object) -> Found:
        """The kept groups of interest, or their id alone."""
        return self.get("interests", **asked)

    def interest_points(self, limit: int) -> Found:
        """Where some of the users lie by what they post."""
        return self.get("interests", "points", limit=limit)

    def interests_of(self, user: str) -> Found:
        """The group that a user's posts are in."""
        return self.get("users", user, "interests")

    def assign(self, text: str, picture: tuple[str, bytes] | None) -> Found:
        """In which group a text is, or a picture by its name and bytes."""
        if picture is None:
            return self.post("interests", "assign", body={"text": text})
        return self._asked(
            "POST", ("interests", "assign"), data={"text": text}, files={"image": picture}, timeout=_TO_READ
        )

    def picture(self, path: str) -> bytes:
        """One of the catalogue."""
        return self._answered("GET", ("interests", "pictures", path)).content


@st.cache_resource(show_spinner=False)
def _at(url: str, key: str) -> Api:
    return Api(url, key)


def api() -> Api:
    """The API that this page was started for."""
    return _at(st.secrets["api"]["url"], st.secrets["api"]["key"])


def name_of(product: str) -> str | None:
    """What a product is called; None where that is not known."""
    try:
        return _name(product)
    except Trouble:
        return None


# What could not be asked is not remembered.
@st.cache_data(ttl=300, max_entries=20_000, show_spinner=False)
def _name(product: str) -> str | None:
    return api().product(product)["name"]


def _read(answer: httpx.Response, url: str) -> Found:
    try:
        return dict(answer.json())
    except (ValueError, TypeError):
        raise Trouble("away", "what answers there is not Millstream's API", url) from None


def _kind(status: int, title: str) -> Kind:
    return _FOR_NOW.get(title, "refused") if status == 503 else _KINDS.get(status, "refused")


def _problem(answer: httpx.Response) -> Found:
    """The words of a problem (RFC 9457); nothing where it is none."""
    try:
        found = answer.json()
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
