"""Now: what has come in, how far it is to the next training, and how good what is published is. It moves by itself."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from spark_app.web import charts, empty, look, tables
from spark_app.web.asking import Trouble, api

_EVERY = 2.0
_LATEST = 12
Found = Mapping[str, Any]


def show() -> None:
    """The page."""
    st.title("Now", anchor=False)
    _moving()


@st.fragment(run_every=_EVERY)
@empty.told
def _moving() -> None:
    """What is asked for anew every two seconds; only what has changed is drawn again."""
    status = api().status()
    if not status["read"] and not status["published"]:
        empty.trouble(Trouble("not ready", "no event has been taken in yet"))
        return
    _events(status)
    _next_training(status)
    listed = api().generations()
    _published(listed)
    _history(listed["generations"])
    _batches(status)


def _events(status: Found) -> None:
    rejected = sum(status["rejected"].values())
    states = st.columns(4)
    states[0].metric("Events read", look.count(status["read"]), border=True)
    states[1].metric("Accepted", look.count(status["accepted"]), border=True)
    states[2].metric("Duplicates", look.count(status["duplicates"]), border=True)
    told = ", ".join(f"{look.count(number)} {look.plain(why)}" for why, number in status["rejected"].items())
    states[3].metric("In quarantine", look.count(rejected), border=True, help=told or None)
    if told:
        st.caption(f"In quarantine: {told}. `python -m spark_app quarantine list` shows them.")


def _next_training(status: Found) -> None:
    new, threshold = max(status["new_since_last_training"], 0), status["train_threshold"]
    left, middle, right = st.columns([2, 1, 1], vertical_alignment="bottom")
    said = f"Next training: {look.count(new)} of {look.count(threshold)} new events"
    left.progress(min(new / threshold, 1.0), text=said + _still(status))
    middle.metric("Events per second", f"{status['events_per_second']:,.1f}")
    right.metric("Waiting", _waiting(status["lag"]))
    running = ", ".join(look.plain(one) for one in status["running"])
    st.caption(f"At work: {running}." if running else "Nothing is at work: `python -m spark_app run --follow` is.")


def _still(status: Found) -> str:
    if not status["missing"]:
        return ", it is due"
    seconds = status["seconds_to_threshold"]
    return f", {look.count(status['missing'])} missing" + (f", in about {look.span(seconds)}" if seconds else "")


def _waiting(lag: Found | None) -> str:
    if lag is None:
        return look.ABSENT
    if "files" in lag:
        refused = f", {look.count(lag['refused'])} refused" if lag["refused"] else ""
        return look.of_kind(lag["files"], "file") + refused
    return "not known" if lag["records"] is None else look.of_kind(lag["records"], "record")


def _published(listed: Found) -> None:
    one = next((one for one in listed["generations"] if one["published"]), None)
    if one is None:
        empty.trouble(Trouble("not ready", "events are there, and nothing was trained on them yet"))
        return
    st.subheader("What is published", anchor=False)
    made = f"Generation {look.plain(one['id'])}, trained {look.when(one['created_at'])}: {look.plain(one['algorithm'])}"
    known = f"{look.of_kind(one['users'], 'user')}, {look.of_kind(one['products'], 'product')}"
    st.markdown(f"{made}, {known}, {look.of_kind(one['interactions'], 'interaction')}.")
    if one["reason"]:
        st.caption(look.plain(one["reason"]))
    if one["state"] == "held":
        st.caption("A rollback holds it: `python -m spark_app generations promote` lets training publish again.")
    left, right = st.columns([3, 2], vertical_alignment="center")
    with left:
        rows = _measured(one)
        # A baseline of which nothing is known, such as the one before the first, has no column.
        columns = [name for name in _measures(one) if any(row[name] != look.ABSENT for row in rows)]
        tables.shown(rows, columns, key="metrics", says="Metrics beside the baselines")
    with right:
        figure = charts.beside_baselines(one["metrics"], one["baselines"])
        charts.shown(figure, "baselines", "NDCG@10 beside the baselines")
    st.caption("The orange line is the 95 % interval of this generation's NDCG@10.")


def _measures(one: Found) -> list[str]:
    return ["metric", "this generation", *(_baseline(name) for name in one["baselines"])]


def _measured(one: Found) -> list[dict[str, str]]:
    """A row for each metric that was measured."""
    rows = []
    for name, title in look.METRICS.items():
        if (value := one["metrics"].get(name)) is not None:
            others = {_baseline(which): _value(name, found.get(name)) for which, found in one["baselines"].items()}
            rows.append({"metric": title, "this generation": _value(name, value)} | others)
    return rows


def _baseline(name: str) -> str:
    return look.BASELINES.get(name, name)


def _value(name: str, value: float | None) -> str:
    return look.count(value) if name == "users_judged" else look.decimal(value)


def _history(generations: Sequence[Found]) -> None:
    if not generations:
        return
    st.subheader("Generations", anchor=False)
    latest = generations[:_LATEST]
    if len(latest) > 1:
        charts.shown(charts.over_generations(latest), "generations", "NDCG@10 of each generation")
    rows = [_row(one) for one in latest]
    columns = ["trained", "generation", "state", "NDCG@10", "popularity", "events", "reason"]
    tables.shown(rows, columns, key="generation-rows", says="Generations, the newest first, with why one was refused")
    if len(generations) > len(latest):
        st.caption(f"{len(latest)} of {look.count(len(generations))} shown.")


def _row(one: Found) -> dict[str, Any]:
    popular = one["baselines"].get("popular", {}).get("ndcg_at_10")
    return {
        "trained": look.when(one["created_at"]),
        "generation": look.short(one["id"]),
        "state": one["state"],
        "NDCG@10": look.decimal(one["metrics"].get("ndcg_at_10")),
        "popularity": look.decimal(popular),
        "events": one["events"].get("accepted"),
        "reason": one["reason"] or "",
    }


def _batches(status: Found) -> None:
    if not status["last_batches"]:
        return
    st.subheader("Last batches", anchor=False)
    rows = [one | {"taken at": one["taken_at"][:19].replace("T", " "), "rejected": sum(one["rejected"].values())}
            for one in status["last_batches"]]  # fmt: skip
    columns = ["taken at", "source", "read", "accepted", "duplicates", "rejected"]
    tables.shown(rows, columns, key="batches", says="The last batches, the newest first; times in UTC")
    if status["cut_short"]:
        st.caption("A batch was cut short: the next one finds its records again and counts them once.")
