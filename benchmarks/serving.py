"""The API under load, each beside its peer in the same run; `wrk` (Debian has it) asks, on the same machine.

    python -m benchmarks.serving [--only lists exact trained swaps follow start --seconds 10]

lists   known users' lists beside a constant answer of the same size from a FastAPI app that does nothing else
exact   1,000,000 products x 50 factors, each list made anew: 1 client, then 16
trained the same for factors trained on 10,000,000 simulated interactions of 200,000 products, as `serve` ranks them
swaps   20 other generations are published while lists are asked for; what failed
follow  from `POST /events` to the event table, with `ingest --follow` beside it, after a quiet time and amid ten others
        a second; and to the same user's next list
start   1,000,000 users x 64: from the start of the process to the first list; memory beside the size of the factors
"""

import argparse
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple

import pyarrow.parquet as pq
from deltalake import DeltaTable

from benchmarks import beside, ranking, served
from spark_app import generations
from spark_app.running.preflight import GIGABYTE
from spark_app.settings import Settings

ASKED = """
math.randomseed({seed})
request = function() return wrk.format("GET", string.format("{path}", math.random(0, {users} - 1))) end
"""
CONSTANT = """
import sys, uvicorn
from fastapi import FastAPI, Response
app, content = FastAPI(), open(sys.argv[1], "rb").read()
@app.get("/recommendations/{user}")
async def constant(user: str) -> Response:
    return Response(content, media_type="application/json")
how = {"loop": "uvloop", "http": "httptools", "access_log": False, "log_level": "error"}
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), **how)
"""

# Seconds in which an index of so many products is there, where one is built.
INDEX_BUILT = 45.0


class Load(NamedTuple):
    """Requests a second, milliseconds of the middle and of 99 of 100, and answers that were no list."""

    rate: float
    middle: float
    slow: float
    failed: int


def main() -> None:
    """Measure what was asked for, and print."""
    asked = arguments()
    if shutil.which("wrk") is None:
        sys.exit("error: wrk is not there: apt-get install wrk")
    for name in asked.only:
        with tempfile.TemporaryDirectory() as home:
            SECTIONS[name](Path(home), asked.seconds)
    beside.machine()


def lists(home: Path, seconds: int) -> None:
    """Known users beside a constant, in turns."""
    settings = served.settings(home, 50)
    served.generation(settings, 20_000, 5_000)
    with serving(settings) as (address, _):
        content = home / "answer.json"
        content.write_bytes(urllib.request.urlopen(f"{address}/recommendations/U0000042").read())
        with constant(home, content) as other:
            rates: dict[str, list[float]] = {"constant": [], "lists": []}
            for seed in range(3):
                for name, where in (("constant", other), ("lists", address)):
                    rates[name].append(load(home, where, 16, seconds, 20_000, seed).rate)
    ours, theirs = (statistics.median(rates[name]) for name in ("lists", "constant"))
    print(f"lists / constant of {content.stat().st_size if content.exists() else 0:,} bytes: {ours / theirs:.2f}; "
          f"{ours:,.0f} and {theirs:,.0f} requests/s")  # fmt: skip


def exact(home: Path, seconds: int) -> None:
    """Each list made anew out of a million products."""
    settings = served.settings(home, 50)
    served.generation(settings, 20_000, 1_000_000, listed=False)
    with serving(settings) as (address, _):
        load(home, address, 1, 3, 20_000, 0)
        for clients in (1, 16):
            found = load(home, address, clients, seconds, 20_000, clients)
            print(f"exact, 1,000,000 x 50, {clients} clients: {found.rate:,.0f} requests/s, p50 {found.middle:.1f} ms, "
                  f"p99 {found.slow:.1f} ms, {found.failed} failed")  # fmt: skip


def trained(home: Path, seconds: int) -> None:
    """Each list made anew, by the ranking that the server has chosen for such factors."""
    settings = served.settings(home, 50)
    shape = argparse.Namespace(users=200_000, products=200_000, interactions=10_000_000, factors=50, seed=7)
    _, *factors = ranking.trained(shape)
    served.generation(settings, 200_000, 200_000, listed=False, factors=(factors[0], factors[1]))
    with serving(settings, index_from=1) as (address, _):
        load(home, address, 1, 3, 200_000, 0)
        time.sleep(INDEX_BUILT)
        for clients in (1, 16):
            found = load(home, address, clients, seconds, 200_000, clients)
            kind = json.loads(urllib.request.urlopen(f"{address}/stats").read())["ranking"]
            print(f"trained, 200,000 x 50, {kind}, {clients} clients: {found.rate:,.0f} requests/s, "
                  f"p50 {found.middle:.1f} ms, p99 {found.slow:.1f} ms, {found.failed} failed")  # fmt: skip


def swaps(home: Path, seconds: int) -> None:
    """Other generations are published while lists are asked for."""
    settings = served.settings(home, 50)
    made = [served.generation(settings, 20_000, 5_000, seed=seed) for seed in range(3)]
    with serving(settings) as (address, _):
        command = wrk(home, address, 16, max(seconds, 15), 20_000, 1)
        asking = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        for number in range(20):
            time.sleep(0.5)
            generations.publish(settings, made[number % 3])
        said, _ = asking.communicate()
        swapped = json.loads(urllib.request.urlopen(f"{address}/stats").read())["swaps"]
    found = understood(said)
    print(f"swaps: {swapped} under {found.rate:,.0f} requests/s, p99 {found.slow:.1f} ms, {found.failed} failed")


def start(home: Path, _: int) -> None:
    """From the start of the process to the first list."""
    settings = served.settings(home, 64)
    served.generation(settings, 1_000_000, 20_000, listed=False)
    begun = time.perf_counter()
    with serving(settings, ready=False) as (address, running):
        while True:
            try:
                urllib.request.urlopen(f"{address}/recommendations/U0000042").read()
                break
            except OSError:
                time.sleep(0.02)
        took = time.perf_counter() - begun
        for user in range(0, 1_000_000, 1000):
            urllib.request.urlopen(f"{address}/recommendations/U{user:07d}").read()
        stats = json.loads(urllib.request.urlopen(f"{address}/stats").read())
        own, mapped = held(running.pid)
    print(f"start: {took:.2f} s to the first list of 1,000,000 users x 64; {own / GIGABYTE:.2f} GB of its own, "
          f"{own / stats['factors_bytes']:.2f} times the factors, and {mapped / GIGABYTE:.2f} GB mapped")  # fmt: skip


def follow(home: Path, _: int) -> None:
    """From a posted event to the event table, and to the next list."""
    settings = served.settings(home, 50)
    served.generation(settings, 1_000, 500)
    environment = os.environ | {"MILLSTREAM_DATA_DIR": str(settings.data_dir)}
    following = [sys.executable, "-m", "spark_app", "ingest", "--follow"]
    with serving(settings) as (address, _server), process(following, environment):
        post(address, 0)
        arrivals = Arrivals(settings.data_dir / "events")
        told("after a quiet time", *followed(address, arrivals, range(1, 31)))
        with amid(address):
            told("amid ten others a second", *followed(address, arrivals, range(31, 61)))


def followed(address: str, arrivals: "Arrivals", users: range) -> tuple[list[float], list[float]]:
    """Seconds from an event of each user to the event table, and to the user's next list."""
    seconds, lists_ = [], []
    for number in users:
        begun = time.perf_counter()
        event_id = post(address, number)
        asked = f"{address}/recommendations/U{number:07d}"
        counted = json.loads(urllib.request.urlopen(asked).read())["folded_in"]
        lists_.append(time.perf_counter() - begun)
        if counted != 1:
            raise RuntimeError(f"the event that was just posted does not count: {counted}")
        arrivals.wait(event_id)
        seconds.append(time.perf_counter() - begun)
        time.sleep(number % 7 / 10)
    return seconds, lists_


class Arrivals:
    """What comes to the event table, file by file, from when it is there on."""

    def __init__(self, path: Path) -> None:
        while not DeltaTable.is_deltatable(str(path)):
            time.sleep(0.1)
        self._table, self._read = DeltaTable(path), set[str]()

    def wait(self, event_id: str) -> None:
        """Until an event is there."""
        while not any(event_id in self._ids(path) for path in self._new()):
            time.sleep(0.02)

    def _new(self) -> set[str]:
        self._table.update_incremental()
        new = {*self._table.file_uris()} - self._read
        self._read |= new
        return new

    def _ids(self, path: str) -> list[str]:
        return pq.read_table(path, columns=["event_id"])["event_id"].to_pylist()


@contextmanager
def amid(address: str) -> Iterator[None]:
    """Ten events a second of other users."""
    over = Event()

    def others() -> None:
        for number in count(100):
            if over.wait(0.1):
                return
            post(address, number)

    thread = Thread(target=others)
    thread.start()
    yield
    over.set()
    thread.join()


def told(when: str, seconds: list[float], lists_: list[float]) -> None:
    slow = statistics.quantiles(seconds, n=20)[-1]
    print(f"follow, {when}: {statistics.median(seconds):.2f} s to the event table, p95 {slow:.2f} s; "
          f"{1000 * statistics.median(lists_):.1f} ms to a list that knows it")  # fmt: skip


def held(process: int) -> tuple[int, int]:
    """Bytes in memory: its own, and those mapped from files, which go when others need the room."""
    said = Path(f"/proc/{process}/status").read_text()
    own, mapped = (int(re.search(rf"{name}:\s+(\d+) kB", said)[1]) * 1024 for name in ("RssAnon", "RssFile"))  # type: ignore[index]
    return own, mapped


def post(address: str, number: int) -> str:
    """An event of one user; gives its id."""
    body = json.dumps({"user": f"U{number:07d}", "product": f"P{number % 500:07d}"}).encode()
    asked = urllib.request.Request(f"{address}/events", body, {"Content-Type": "application/json"})
    answer = json.loads(urllib.request.urlopen(asked).read())
    return str(answer["events"][0]["event_id"])


SECTIONS: dict[str, Callable[[Path, int], None]] = {
    "lists": lists, "exact": exact, "trained": trained, "swaps": swaps, "follow": follow, "start": start,
}  # fmt: skip


@contextmanager
def serving(
    settings: Settings, *, ready: bool = True, index_from: int = 10**9
) -> Iterator[tuple[str, subprocess.Popen]]:
    """(address, process) of the API on a folder."""
    port = free_port()
    given = {"DATA_DIR": settings.data_dir, "SERVE__PORT": port, "SERVE__INDEX_FROM": index_from}
    environment = os.environ | {f"MILLSTREAM_{name}": str(value) for name, value in given.items()}
    with process([sys.executable, "-m", "spark_app", "serve"], environment) as running:
        address = f"http://127.0.0.1:{port}"
        if ready:
            wait(f"{address}/health/ready")
        yield address, running


@contextmanager
def constant(home: Path, content: Path) -> Iterator[str]:
    """The address of an app that answers the same to everything."""
    port, script = free_port(), home / "constant.py"
    script.write_text(CONSTANT)
    with process([sys.executable, str(script), str(content), str(port)], os.environ) as _:
        wait(f"http://127.0.0.1:{port}/recommendations/x")
        yield f"http://127.0.0.1:{port}"


@contextmanager
def process(command: list[str], environment: Mapping[str, str]) -> Iterator[subprocess.Popen]:
    running = subprocess.Popen(command, env=dict(environment), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield running
    finally:
        running.send_signal(signal.SIGTERM)
        running.wait(20)


def load(home: Path, address: str, clients: int, seconds: int, users: int, seed: int) -> Load:
    """Lists of users by chance, for so many seconds."""
    command = wrk(home, address, clients, seconds, users, seed)
    return understood(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def wrk(home: Path, address: str, clients: int, seconds: int, users: int, seed: int) -> list[str]:
    script = home / f"asked-{seed}.lua"
    script.write_text(ASKED.format(seed=seed, path="/recommendations/U%07d", users=users))
    return ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "10s", "--latency", "-s", str(script), address]


def understood(said: str) -> Load:
    """What wrk prints."""
    rate = float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])  # type: ignore[index]
    spread = {name: milliseconds(value) for name, value in re.findall(r"(50|99)%\s+([\d.]+\w+)", said)}
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said)
    other = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    failed = sum(map(int, errors.groups())) if errors else 0
    return Load(rate, spread["50"], spread["99"], failed + (int(other[1]) if other else 0))


def milliseconds(text: str) -> float:
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()  # type: ignore[union-attr]
    return float(number) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[unit]


def wait(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(url).read()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def arguments() -> argparse.Namespace:
    """What to measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=list(SECTIONS), choices=list(SECTIONS))
    parser.add_argument("--seconds", type=int, default=10)
    return parser.parse_args()


if __name__ == "__main__":
    main()
