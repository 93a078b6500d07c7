"""How long each page takes in Chromium, from an address to all that it shows, once warm.

python -m benchmarks.web http://127.0.0.1:8501 USER, against a page that runs; first the browser with one word.
"""

import shutil
import statistics
import sys
import time

from playwright.sync_api import Page, sync_playwright

TIMES = 7
READY = '[data-testid="stApp"][data-test-script-state="notRunning"]'


def main(address: str, user: str) -> None:
    """Print the median and the slowest of each page, in seconds."""
    pages = {
        "one word": ("/_stcore/health", ""),
        "Now": ("/", "What is published"),
        "A user": (f"/user?user={user}", "What they are offered"),
        "Products": ("/products", "Most popular"),
        "Graph": ("/graph", "Communities"),
    }
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        page = chromium.new_page(viewport={"width": 1400, "height": 1000})
        for name, (path, said) in pages.items():
            seconds = [opened(page, address + path, said) for _ in range(TIMES + 1)][1:]
            print(f"{name:<24} {statistics.median(seconds):>6.2f} s  slowest {max(seconds):.2f} s")
        chromium.close()


def opened(page: Page, url: str, said: str) -> float:
    """Seconds until the page says what it says last, and nothing is drawn any more."""
    begun = time.perf_counter()
    page.goto(url)
    if said:
        page.get_by_text(said).first.wait_for()
        page.wait_for_selector(READY)
    return time.perf_counter() - begun


if __name__ == "__main__":
    main(*sys.argv[1:3])
