"""What is told to those who listen: at once what is so, then what changes, each kind of event in its newest state."""

import asyncio
import json
import socket
import time
from itertools import count

import httpx
import interested
import pytest
from conftest import settings_for
from fastapi.testclient import TestClient
from test_ledger import part
from test_server import started  # noqa: F401 - a fixture

from benchmarks import served as made_up
from spark_app.serving import app, news, stream
from spark_app.serving.problems import Problem
from spark_app.storage import ledger


def heard(sent: bytes) -> list[tuple[str, object]]:
    """(event, data) of what was sent; ids are there, and no two are alike."""
    blocks = [block.splitlines() for block in sent.decode().split("\n\n")]
    events = [dict(line.split(": ", 1) for line in block) for block in blocks if len(block) == 3]
    assert len({block["id"] for block in events}) == len(events)
    return [(block["event"], json.loads(block["data"])) for block in events]


async def listened(source: stream.Stream, **until) -> bytes:
    with source.joined() as listener:
        return b"".join([some async for some in source.told(listener, **until)])


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(stream, "BETWEEN", 0.01)
    monkeypatch.setattr(stream, "HEARTBEAT", 0.05)


def test_what_is_so_is_told_at_once_and_then_only_what_changes():
    numbers = count()
    source = stream.Stream({"still": lambda: "same", "moving": lambda: next(numbers) // 3})
    events = heard(asyncio.run(listened(source, events=4)))
    assert events.count(("still", "same")) == 1
    assert [data for event, data in events if event == "moving"] == [0, 1, 2]


def test_a_source_that_takes_long_keeps_no_other_back():
    numbers = count()
    source = stream.Stream({"slow": lambda: time.sleep(0.5), "moving": lambda: next(numbers)})
    events = heard(asyncio.run(listened(source, seconds=0.4)))
    assert len(events) > 3 and {event for event, _ in events} == {"moving"}


def test_where_nothing_happens_a_comment_is_sent_until_the_seconds_have_passed():
    sent = asyncio.run(listened(stream.Stream({"still": lambda: 1}), seconds=0.2))
    assert heard(sent) == [("still", 1)] and b": still here\n\n" in sent


def test_a_source_that_fails_keeps_no_other_from_being_heard():
    source = stream.Stream({"broken": lambda: 1 / 0, "sound": lambda: 1})
    assert heard(asyncio.run(listened(source, events=1))) == [("sound", 1)]


def test_a_slow_reader_gets_the_newest_alone():
    numbers = count()

    async def slowly() -> list:
        source = stream.Stream({"moving": lambda: next(numbers)})
        with source.joined() as listener:
            told = source.told(listener)
            await anext(told), await anext(told)
            await asyncio.sleep(0.3)
            return heard(await anext(told))

    assert asyncio.run(slowly())[0][1] > 5


def test_there_are_so_many_listeners_and_no_more_and_all_are_let_go_at_the_end():
    async def crowded() -> list[bytes]:
        source = stream.Stream({"still": lambda: 1}, most=2)
        listening = [asyncio.create_task(listened(source)) for _ in range(2)]
        await asyncio.sleep(0.1)
        with pytest.raises(Problem, match="2 listen already"), source.joined():
            pass
        listening[0].cancel()
        await asyncio.sleep(0.01)
        third = asyncio.create_task(listened(source))
        await asyncio.sleep(0.1)
        source.close()
        with pytest.raises(Problem, match="stopping"), source.joined():
            pass
        return await asyncio.wait_for(asyncio.gather(listening[1], third), 1)

    assert [heard(one) for one in asyncio.run(crowded())] == [[("still", 1)]] * 2


def test_counts_and_the_generation_are_told_before_there_is_one(tmp_path):
    with TestClient(app.create(settings_for(tmp_path)), base_url="http://127.0.0.1") as client:
        answer = client.get("/stream?events=5")
        assert answer.headers["content-type"].startswith("text/event-stream")
        told = dict(heard(answer.content))
        assert told["generation"] == {"generation": None, "trained_at": None}
        assert told["counts"]["read"] == 0 and told["counts"]["missing"] == 1000
        assert told["trending"] == {"trending": []} and told["segments"] == {"segments": []}
        assert told["interests"] == {"interests": None}
        assert client.get("/stream?events=0").status_code == 422


def test_new_interests_are_told_to_who_listens_already(tmp_path):
    settings = settings_for(tmp_path)
    state = app.create(settings).state.millstream
    source = stream.Stream({"interests": lambda: news.interests(state)})

    async def hear() -> list:
        with source.joined() as listener:
            told = source.told(listener, events=2)
            await anext(told), await anext(told)
            folder = interested.keep(settings)
            return [folder, heard(await anext(told))]

    folder, said = asyncio.run(hear())
    assert said == [("interests", {"interests": {"id": folder.id, "made_at": folder.summary["made_at"],
                                                 "users": 60, "k": 3}})]  # fmt: skip


def test_a_generation_and_new_counts_are_told_by_a_server_that_ends_promptly(started, tmp_path):  # noqa: F811
    process, address = started("--port", 0)
    settings = made_up.settings(tmp_path, 4)
    with httpx.stream("GET", f"{address}/stream", timeout=30) as answer:
        lines = answer.iter_lines()
        assert said(lines, "generation")["generation"] is None
        ledger.account(settings, [part(7)], {}, None)
        assert until(lambda: said(lines, "counts"), lambda counts: counts["accepted"] == 7)
        made = made_up.generation(settings, 20, 10)
        assert until(lambda: said(lines, "generation"), lambda one: one["generation"] == made.id)
        process.terminate()
        then = time.monotonic()
        assert list(lines)[-1:] in ([], [""]) and time.monotonic() - then < 3
    process.communicate(timeout=15)
    assert process.returncode == 0


def test_who_goes_away_is_not_told_any_more(started):  # noqa: F811
    _, address = started("--port", 0)
    host, port = address.removeprefix("http://").split(":")
    for _ in range(stream.MOST + 20):
        with socket.create_connection((host, int(port)), timeout=5) as connection:
            connection.sendall(f"GET /stream HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode())
            assert connection.recv(15) == b"HTTP/1.1 200 OK"
    deadline = time.monotonic() + 5
    while "in_progress 1.0" not in (metrics := httpx.get(f"{address}/metrics").text):
        assert time.monotonic() < deadline, metrics


def said(lines, event: str) -> dict:
    """What the next event of this name says."""
    while next(lines) != f"event: {event}":
        pass
    return json.loads(next(lines).removeprefix("data: "))


def until(ask, is_so) -> bool:
    deadline = time.monotonic() + 20
    while not is_so(ask()):
        assert time.monotonic() < deadline
    return True
