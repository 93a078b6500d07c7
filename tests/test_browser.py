"""The page in Chromium: each page opened and used, and nothing asked of any other host."""

import re
import shutil
import signal
import subprocess
import sys
from urllib.parse import urlsplit

import httpx
import planted
import pyarrow as pa
import pytest
import segmented
from builders import events, generation
from conftest import free_port, settings_for
from playwright.sync_api import expect, sync_playwright
from pyspark.sql import functions as F
from test_cli import environment
from test_fitting import rows
from test_tail import SCHEMA

from spark_app.storage import tables
from spark_app.tuning import choice

pytestmark = pytest.mark.browser
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE = 15_000
USERS, PRODUCTS = 40, 24
# What would run, be bold or be a link, if any part of it were read as anything but text.
NASTY = "<script>window.taken=1</script> **lamp** [a](http://evil.example) $x$"
BOUGHT = [
    (f"U{user:05d}", f"P{product:04d}")
    for user in range(USERS)
    for product in range(PRODUCTS)
    if product % 2 == user % 2 and (product + 3 * user) % 5
]


def publish(spark, settings):
    """A generation in which even users like even products and odd ones odd; the name of P0003 is nasty."""
    number = F.substring("product", 2, 4).cast("int")
    said = F.struct(
        F.lit(None).cast("string").alias("id"),
        F.when(number == 3, NASTY).otherwise(F.concat(F.lit("Chair "), number)).alias("name"),
        F.lit("seats").alias("category"), F.lit("Lux").alias("brand"),
        number.cast("double").alias("price"), F.lit(True).alias("in_stock"),
    )  # fmt: skip
    return generation(settings, events(spark, *BOUGHT).withColumn("product_data", said), version=0, graph=True)


@pytest.fixture(scope="module")
def chromium():
    if CHROMIUM is None:
        pytest.skip("no chromium is here: apt-get install chromium")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--headless", "--no-sandbox", "--disable-gpu"]
        )
        yield started
        started.close()


@pytest.fixture(scope="module")
def settings(chromium, spark, tmp_path_factory):  # noqa: ARG001 - nothing is made where there is no browser
    made = choice.plain(settings_for(tmp_path_factory.mktemp("shop"), als={"factors": 4, "iterations": 5}))
    # What rises is found in the event table, which is of its own users here.
    taken = [row | {"received_at": row["occurred_at"]} for row in rows()]
    tables.append(made, tables.EVENTS, pa.Table.from_pylist(taken, SCHEMA), None)
    publish(spark, made)
    segmented.keep(made, segmented.planted(USERS)._replace(users=[f"U{user:05d}" for user in range(USERS)]))
    planted.keep(made)
    return made


@pytest.fixture(scope="module")
def api():
    """Where it is to be."""
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture(scope="module")
def address(settings, api):
    """Of the page, with an API of its own beside it."""
    given = environment(MILLSTREAM_DATA_DIR=str(settings.data_dir), MILLSTREAM_RESULTS_DIR=str(settings.results_dir))
    process = subprocess.Popen(
        [sys.executable, "-m", "spark_app", "web", "--port", "0", "--api", api],
        env=given, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    found = re.search(r"the page is at (http://[\w.:]+)", process.stdout.readline())
    assert found
    yield found[1]
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0


@pytest.fixture
def page(chromium, address):
    """A page of the browser; what it asks of another host, or a script that fails, fails the test."""
    context = chromium.new_context(viewport={"width": 1400, "height": 1000})
    context.set_default_timeout(PATIENCE)
    opened, foreign, failed = context.new_page(), [], []
    here = urlsplit(address).netloc

    def asked(request):
        if urlsplit(request.url).scheme not in ("data", "blob") and urlsplit(request.url).netloc != here:
            foreign.append(request.url)

    opened.on("request", asked)
    opened.on("websocket", lambda socket: asked(socket))
    opened.on("pageerror", lambda error: failed.append(str(error)))
    yield opened
    context.close()
    assert (foreign, failed) == ([], [])


def write(page, label, text):
    """Into a field, and Enter."""
    field = page.get_by_label(label, exact=True)
    field.fill(text)
    field.press("Enter")


@pytest.mark.parametrize(
    ("path", "title", "said"),
    [
        ("/", "Now", "What is published"),
        ("/user", "A user", "The most active users"),
        ("/products", "Products", "Most popular"),
        ("/trending", "Trending", "that grew faster than the shop"),
        ("/segments", "Segments", "What sets each apart"),
        ("/interests", "Interests", "What each is about"),
        ("/graph", "Graph", "Communities"),
    ],
)
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_each_page_opens_in_both_themes(page, address, path, title, said, theme):
    page.emulate_media(color_scheme=theme)
    page.goto(address + path)
    expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text(said, exact=False).first).to_be_visible(timeout=PATIENCE)
    ground = page.locator(".stApp").evaluate("node => getComputedStyle(node).backgroundColor")
    assert sum(map(int, re.findall(r"\d+", ground)[:3])) > 600 if theme == "light" else ground != "rgb(255, 255, 255)"


def test_a_user_is_looked_up_and_the_address_leads_there_again(page, address):
    page.goto(f"{address}/user")
    write(page, "User", "U00001")
    expect(page.get_by_text("What they are offered")).to_be_visible(timeout=PATIENCE)
    page.wait_for_url("**/user?user=U00001")
    page.goto(f"{address}/user?user=nobody")
    expect(page.get_by_text("nobody is not known")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("What they are offered")).to_be_visible(timeout=PATIENCE)


def test_an_event_that_is_posted_matters_in_the_next_list(page, address):
    page.goto(f"{address}/user?user=newcomer")
    expect(page.get_by_text("newcomer is not known")).to_be_visible(timeout=PATIENCE)
    write(page, "Product of the event", "P0005")
    page.get_by_role("button", name="Post", exact=True).click()
    expect(page.get_by_text("purchase of P0005: accepted")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("newcomer is not known")).to_have_count(0, timeout=PATIENCE)
    expect(page.get_by_text("1 event since the training included")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("1 product they have met left out")).to_be_visible(timeout=PATIENCE)
    page.wait_for_function("() => document.body.innerHTML.includes('Chair 5')", timeout=PATIENCE)


def test_what_a_user_turned_to_last_follows_a_posted_event(page, address):
    page.goto(f"{address}/user?user=U00001")
    expect(page.get_by_role("heading", name="Trending for you")).to_be_visible(timeout=PATIENCE)
    page.wait_for_function("() => document.body.innerHTML.includes('you looked at Lux on')", timeout=PATIENCE)
    tables_ = "[...document.querySelectorAll('table')].map(one => one.textContent)"
    last = f"{tables_}.find(said => said.startsWith('lastproductnamebrand'))"
    page.wait_for_function(f"() => {last}?.includes('P00')", timeout=PATIENCE)
    assert "P0020" not in page.evaluate(last)
    write(page, "Product of the event", "P0020")
    page.get_by_role("button", name="Post", exact=True).click()
    expect(page.get_by_text("purchase of P0020: accepted")).to_be_visible(timeout=PATIENCE)
    page.wait_for_function(f"() => {last}?.includes('P0020')", timeout=PATIENCE)


def test_a_users_page_follows_events_by_itself_and_what_is_being_typed_stays(page, address, api):
    page.goto(f"{address}/user?user=U00002")
    expect(page.get_by_role("heading", name="Trending for you")).to_be_visible(timeout=PATIENCE)
    tables_ = "[...document.querySelectorAll('table')].map(one => one.textContent)"
    met = f"{tables_}.find(said => said.startsWith('lastproductnameevents'))"
    page.wait_for_function(f"() => {met}?.includes('P00')", timeout=PATIENCE)
    assert "P0021" not in page.evaluate(met)
    field = page.get_by_label("User", exact=True)
    field.press("End")
    field.press_sequentially("half")
    assert httpx.post(f"{api}/events", json={"user": "U00002", "product": "P0021"}).is_success
    page.wait_for_function(f"() => {met}?.includes('P0021')", timeout=PATIENCE)
    expect(page.get_by_text("1 event since the training included")).to_be_visible(timeout=PATIENCE)
    assert field.input_value() == "U00002half" and field.evaluate("node => node === document.activeElement")


def test_segments_are_walked_in_from_a_user_and_back(page, address, settings):
    page.goto(f"{address}/user?user=U00001")
    page.get_by_role("link", name=re.compile("Segment 1 Buys often by behaviour")).click()
    page.wait_for_url("**/segments?*segment=1*")
    expect(page.get_by_text("Segment 1 Buys often", exact=True)).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text(f"{USERS} of {USERS} users shown")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("radio", name="Agglomerative").click()
    page.wait_for_url("**/segments?*method=agglomerative*")
    page.get_by_role("radio", name="Browsing").click()
    expect(page.get_by_text("No segments by browsing are kept yet.")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("python -m spark_app segments --features browsing")).to_be_visible(timeout=PATIENCE)
    segmented.keep(settings, segmented.planted(30), features="browsing")
    expect(page.get_by_text("30 of 30 users shown")).to_be_visible(timeout=PATIENCE)


def test_a_text_and_a_picture_land_in_their_planted_groups(page, address):
    page.goto(f"{address}/interests")
    page.get_by_label("Text", exact=True).fill(planted.COFFEE)
    page.get_by_role("button", name="Assign").click()
    said = page.get_by_text(re.compile(f"Group {planted.number('coffee')} .*over 99 % sure"))
    expect(said).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("Book of").first).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("120 of 120 users shown")).to_be_visible(timeout=PATIENCE)
    page.get_by_label("Text", exact=True).fill("")
    photo = {"name": "photo.png", "mimeType": "image/png", "buffer": planted.picture()}
    page.locator("input[type=file]").set_input_files(photo)
    expect(page.get_by_text("photo.png")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("button", name="Assign").click()
    said = page.get_by_text(re.compile(f"Group {planted.number('garden')} .*over 99 % sure"))
    expect(said).to_be_visible(timeout=4 * PATIENCE)
    expect(page.get_by_text("Read in the picture: TOMATO SEEDLING COMPOST")).to_be_visible(timeout=PATIENCE)


def test_a_range_is_chosen_and_the_address_leads_there_again(page, address):
    page.goto(f"{address}/trending")
    expect(page.get_by_text("that grew faster than the shop")).to_be_visible(timeout=PATIENCE)
    page.get_by_role("radio", name="Last 30 days").click()
    page.wait_for_url("**/trending?*last=30d*")
    page.get_by_role("radio", name="Brands").click()
    page.wait_for_url("**/trending?*by=brand*")
    page.goto(f"{address}/trending?from=2025-12-20&to=2026-01-03&category=seats")
    expect(page.get_by_text("2025-12-20 00:00 UTC to 2026-01-03 00:00 UTC")).to_be_visible(timeout=PATIENCE)
    page.goto(f"{address}/trending?from=2026-01-03&to=2025-12-20")
    expect(page.get_by_text("expected an earlier time")).to_be_visible(timeout=PATIENCE)


def test_a_product_that_is_missed_says_why(page, address):
    page.goto(f"{address}/user?user=U00001")
    write(page, "Product that is missed", "P0001")
    expect(page.get_by_text(re.compile("Place|No place")).first).to_be_visible(timeout=PATIENCE)


def test_a_session_is_clicked_together(page, address):
    page.goto(f"{address}/user")
    page.get_by_role("tab", name="A session, clicked together").click()
    write(page, "Product of the session", "P0004")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.get_by_text("Made by als")).to_be_visible(timeout=PATIENCE)


def test_the_name_of_a_product_is_text_wherever_it_stands(page, address):
    page.goto(f"{address}/products?product=P0003")
    shown = NASTY.replace("http:", "http\u2060:")
    expect(page.get_by_role("heading", name=shown, exact=True)).to_be_visible(timeout=PATIENCE)
    page.goto(f"{address}/graph?product=P0003")
    expect(page.get_by_text("The whole graph has")).to_be_visible(timeout=PATIENCE)
    page.goto(f"{address}/user?user=U00001")
    write(page, "Product that is missed", "P0003")
    expect(page.get_by_text(f"{shown} (P0003)").first).to_be_visible(timeout=PATIENCE)
    assert page.evaluate("window.taken") is None and page.locator('a[href*="evil"]').count() == 0


def test_products_are_found_by_words_and_paged(page, address):
    page.goto(f"{address}/products?q=chair")
    expect(page.get_by_text("1 to 23", exact=False)).to_be_visible(timeout=PATIENCE)
    write(page, "Search", "chair 12")
    expect(page.get_by_text("1 to 1", exact=True)).to_be_visible(timeout=PATIENCE)
    write(page, "Search", "no such thing")
    expect(page.get_by_text("No product has these words.")).to_be_visible(timeout=PATIENCE)


def test_the_graph_is_filtered_and_walked_in(page, address):
    page.goto(f"{address}/graph")
    shown = re.compile(r"\d+ of \d+ users and \d+ of \d+ products shown")
    expect(page.get_by_text(shown)).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".js-plotly-plot .scatterlayer").first).to_be_visible(timeout=PATIENCE)
    write(page, "User", "U00001")
    expect(page.get_by_text("The whole graph has")).to_be_visible(timeout=PATIENCE)
    page.get_by_label("Node", exact=True).click()
    page.keyboard.type("U00001")
    page.keyboard.press("Enter")
    expect(page.get_by_text(re.compile(r"user, \d+ recommendations?, community"))).to_be_visible(timeout=PATIENCE)
    page.get_by_role("link", name="All about U00001").click()
    expect(page.get_by_role("heading", name="What they are offered")).to_be_visible(timeout=PATIENCE)


def test_a_new_generation_appears_without_reload(page, address, spark, settings):
    page.goto(address)
    expect(page.get_by_text("What is published")).to_be_visible(timeout=PATIENCE)
    page.evaluate("window.same = true")
    made = publish(spark, settings)
    expect(page.get_by_text(f"Generation {made.id}").first).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text(f"Generation {made.id}, trained")).to_be_visible(timeout=PATIENCE)
    assert page.evaluate("window.same")
