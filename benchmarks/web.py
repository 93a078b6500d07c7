"""How long each page takes in Chromium, from an address to all that it shows, once warm.

python -m benchmarks.web http://127.0.0.1:8501 USER [PAGE ...], against a page that runs.

Beside it in the same run, as what it cannot go below: the browser with one word, and Streamlit with a title alone, and
with one table and one chart.
"""

import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Page, sync_playwright

from benchmarks import beside
from benchmarks.serving import free_port, process, wait

TIMES = 7
READY = '[data-testid="stApp"][data-test-script-state="notRunning"]'
ALONE = "import streamlit as st\nst.title('Alone')\n"
WITH_BOTH = ALONE + (
    "import pandas as pd, plotly.graph_objects as go\n"
    "st.dataframe(pd.DataFrame({'one': range(10)}))\n"
    "st.plotly_chart(go.Figure(go.Bar(x=[1, 2, 3])))\n"
    "st.caption('All of it')\n"
)


def main(address: str, user: str, *names: str) -> None:
    """Print the median and the slowest of each page, in seconds; of all pages, or of those that are named."""
    ours = {
        "Now": ("/", "What is published"),
        "A user": (f"/user?user={quote(user)}", "Users most like this one"),
        "Products": ("/products", "Most popular"),
        "Trending": ("/trending?last=30d", "that grew faster than the shop"),
        "Graph": ("/graph", "Communities"),
        "Segments": ("/segments", "users shown"),
    }
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        page = chromium.new_page(viewport={"width": 1400, "height": 1000})
        show(page, "one word", f"{address}/_stcore/health", "")
        with streamlit(ALONE) as peer:
            show(page, "Streamlit, a title", peer, "Alone")
        with streamlit(WITH_BOTH) as peer:
            show(page, "Streamlit, table and chart", peer, "All of it")
        for name in names or ours:
            path, said = ours[name]
            show(page, name, address + path, said)
        chromium.close()
    beside.machine()


def show(page: Page, name: str, url: str, said: str) -> None:
    """The middle and the slowest of several times, after a first."""
    seconds = [opened(page, url, said) for _ in range(TIMES + 1)][1:]
    print(f"{name:<28} {statistics.median(seconds):>6.2f} s  slowest {max(seconds):.2f} s", flush=True)


def opened(page: Page, url: str, said: str) -> float:
    """Seconds until the page says what it says last, and nothing is drawn any more."""
    begun = time.perf_counter()
    page.goto(url)
    if said:
        page.get_by_text(said).first.wait_for()
        page.wait_for_selector(READY)
    return time.perf_counter() - begun


@contextmanager
def streamlit(script: str) -> Iterator[str]:
    """A page of Streamlit's own server at an address, until the end of the block."""
    with tempfile.TemporaryDirectory() as home:
        path, port = Path(home) / "page.py", free_port()
        path.write_text(script)
        options = ["--server.headless=true", "--server.address=127.0.0.1", f"--server.port={port}"]
        command = [sys.executable, "-m", "streamlit", "run", str(path), "--browser.gatherUsageStats=false", *options]
        with process(command, os.environ):
            wait(f"http://127.0.0.1:{port}/_stcore/health")
            yield f"http://127.0.0.1:{port}"


if __name__ == "__main__":
    main(*sys.argv[1:])
