"""What every answer of the API has around it: problems, headers, an id, a line in the log, a count; and /docs."""

import asyncio
import json
import re
from typing import Annotated

import httpx
import pytest
from asgi import ask
from conftest import settings_for
from fastapi import Query, Request
from fastapi.responses import StreamingResponse
from prometheus_client.parser import text_string_to_metric_families
from pydantic import BaseModel, Field

from spark_app.running import logs
from spark_app.serving import state
from spark_app.serving.app import create
from spark_app.serving.problems import Problem
from spark_app.settings import PREFIX, listed


class Wish(BaseModel):
    """A body with most of what a schema may have."""

    product: Annotated[str, Field(min_length=1, examples=["lamp"])]
    quantity: Annotated[float, Field(gt=0)] = 1
    colour: str | None = None
    size: int | str | None = None
    inner: "Wish | None" = None


@pytest.fixture
def app(tmp_path):
    """The app, with routes of the test's own."""
    made = create(settings_for(tmp_path))

    @made.get("/users/{user}/wishes")
    async def wishes(user: str, limit: Annotated[int, Query(ge=1, le=100)] = 10, brand: str | None = None) -> list[str]:
        return [user + (brand or "")] * limit

    @made.post("/wishes")
    async def wish(wish: Wish) -> Wish:
        return wish

    @made.get("/broken")
    async def broken() -> None:
        raise RuntimeError("a secret of the inside")

    @made.get("/half")
    async def half() -> StreamingResponse:
        def parts():
            yield b"half"
            raise RuntimeError("a secret of the inside")

        return StreamingResponse(parts())

    @made.get("/none")
    async def none() -> None:
        raise Problem(404, "No such product", "there is no '\ud800'", product="\ud800")

    return made


# Problems.


@pytest.mark.parametrize(
    ("target", "method", "body", "status", "kind"),
    [
        ("/nothing", "GET", b"", 404, "not-found"),
        ("/health/live/", "GET", b"", 404, "not-found"),
        ("/broken", "POST", b"", 405, "method-not-allowed"),
        ("/none", "GET", b"", 404, "no-such-product"),
        ("/health/ready", "GET", b"", 503, "not-ready"),
        ("/users/ann/wishes?limit=0", "GET", b"", 422, "not-valid"),
        ("/users/ann/wishes?limit=ten", "GET", b"", 422, "not-valid"),
        ("/wishes", "POST", b'{"product": ""}', 422, "not-valid"),
        ("/wishes", "POST", b"", 422, "not-valid"),
        ("/wishes", "POST", b"[]", 422, "not-valid"),
        ("/wishes", "POST", b'{"product"', 400, "not-json"),
        ("/wishes", "POST", b"\xff", 400, "bad-request"),
        ("/wishes", "POST", b"[" * 500_000, 400, "bad-request"),
        ("/wishes", "POST", b'{"product": ' + b"9" * 5000 + b"}", 400, "bad-request"),
        ("/broken", "GET", b"", 500, "something-went-wrong"),
    ],
)
def test_whatever_cannot_be_answered_is_a_problem(app, target, method, body, status, kind):
    answer = ask(app, target, method, {"Content-Type": "application/json"}, [body] if body else ())
    assert (answer.status, answer.headers["content-type"]) == (status, "application/problem+json")
    told = answer.json()
    assert (told["type"], told["status"]) == (f"urn:millstream:{kind}", status)
    assert "Traceback" not in answer.body.decode() and "secret" not in answer.body.decode()


def test_a_method_that_is_not_there_says_which_are(app):
    assert ask(app, "/broken", "DELETE").headers["allow"] == "GET"


def test_what_is_not_valid_is_named_and_not_repeated(app):
    told = ask(app, "/users/ann/wishes?limit=canary", "GET").json()
    assert told["errors"][0]["where"] == "query.limit" and "integer" in told["detail"]
    assert "canary" not in str(told)


def test_many_faults_are_counted_and_ten_are_shown(app):
    @app.post("/many")
    async def many(wishes: list[Wish]) -> int:
        return len(wishes)

    body = json.dumps([{}] * 500).encode()
    told = ask(app, "/many", "POST", {"Content-Type": "application/json"}, [body]).json()
    assert len(told["errors"]) == 10 and "and 499 more" in told["detail"]


def test_half_an_answer_is_cut_off_and_told_as_a_fault(app, tmp_path):
    log = logs.start(settings_for(tmp_path), "serve")
    with pytest.raises(RuntimeError):
        ask(app, "/half")
    assert requests(log)[-1]["level"] == "error" and requests(log)[-1]["status"] == 500


# What stands around each answer.


@pytest.mark.parametrize("target", ["/health/live", "/nothing", "/broken", "/metrics", "/docs", "/openapi.json"])
def test_every_answer_keeps_browsers_safe(app, target):
    headers = ask(app, target).headers
    assert headers["x-content-type-options"] == "nosniff" and headers["cache-control"] == "no-store"
    assert headers["content-security-policy"].startswith("default-src 'none';")
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_a_request_keeps_an_id_that_is_harmless_and_gets_one_otherwise(app):
    assert ask(app, headers={"X-Request-ID": "shop-42.a_b"}).headers["x-request-id"] == "shop-42.a_b"
    strange = ["", "a b", "a\tb", "x" * 65, "<script>", '"}', "é"]
    made = [ask(app, headers={"X-Request-ID": name}).headers["x-request-id"] for name in strange]
    assert len(set(made)) == len(strange) and not set(made) & set(strange)
    assert all(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]+", name) for name in made)


def requests(log):
    return [line for line in map(json.loads, log.read_text().splitlines()) if line["event"] == "request"]


@pytest.mark.parametrize(
    ("target", "route", "status", "level"),
    [
        ("/users/ann/wishes?brand=hidden", "/users/{user}/wishes", 200, "debug"),
        ("/users/ann/wishes?limit=0", "/users/{user}/wishes", 422, "info"),
        ("/products-of/ann", "none", 404, "info"),
            ("/users/ann/nothing", "/users/{user}", 405, "info"),
        ("/users/..", "none", 400, "info"),
        ("/health/ready", "/health/ready", 503, "warning"),
        ("/broken", "/broken", 500, "error"),
    ],
)
def test_the_log_has_a_line_for_each_request_with_its_route_and_no_value(tmp_path, app, target, route, status, level):
    log = logs.start(settings_for(tmp_path, log_level="DEBUG"), "serve")
    answer = ask(app, target)
    (line,) = requests(log)
    assert (line["method"], line["route"], line["status"], line["level"]) == ("GET", route, status, level)
    assert line["id"] == answer.headers["x-request-id"] and 0 <= line["seconds"] < 10
    assert "ann" not in str(line) and "hidden" not in str(line)
    assert ("a secret of the inside" in line.get("exception", "")) == (status == 500)


def test_at_the_usual_level_only_what_was_refused_or_failed_is_logged(tmp_path, app):
    log = logs.start(settings_for(tmp_path), "serve")
    ask(app, "/users/ann/wishes"), ask(app, "/nothing")
    assert [line["status"] for line in requests(log)] == [404]


def samples(app):
    text = ask(app, "/metrics").body.decode()
    found = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value for sample in found}


def test_requests_are_counted_by_route_and_status_without_an_id(app):
    for target in ("/users/ann/wishes", "/users/bob/wishes?limit=2", "/users/ann/wishes?limit=0", "/nothing", "/other"):
        ask(app, target)
    ask(app, "/nothing", "BREW"), ask(app, "/nothing", "MASH")
    found = samples(app)
    assert found["millstream_http_requests_total", "GET", "/users/{user}/wishes", "200"] == 2
    assert found["millstream_http_requests_total", "GET", "/users/{user}/wishes", "422"] == 1
    assert found["millstream_http_requests_total", "GET", "none", "404"] == 2
    assert found["millstream_http_requests_total", "other", "none", "404"] == 2
    assert found["millstream_http_requests_in_progress",] == 1
    assert not [key for key in found if "ann" in key or "BREW" in key]


def test_seconds_and_bytes_are_in_base_units_and_add_up(app):
    size = len(ask(app, "/users/ann/wishes?limit=100").body)
    found, labels = samples(app), ("GET", "/users/{user}/wishes", "200")
    below = [found["millstream_http_response_size_bytes_bucket", edge, *labels] for edge in ("100.0", "1000.0", "+Inf")]
    assert below == [0, 1, 1]
    assert found["millstream_http_response_size_bytes_sum", *labels] == size
    assert found["millstream_http_request_duration_seconds_count", *labels] == 1
    assert 0 < found["millstream_http_request_duration_seconds_sum", *labels] < 10


def test_process_metrics_are_there(app):
    assert ("process_resident_memory_bytes",) in samples(app)


# The description and its page.


def operations(app):
    paths = ask(app, "/openapi.json").json()["paths"]
    return {(path, method): found for path, item in paths.items() for method, found in item.items()}


def test_every_route_documents_its_problems(app):
    found = operations(app)
    assert ("/users/{user}/wishes", "get") in found and ("/docs", "get") not in found
    for (path, _), operation in found.items():
        answers = operation["responses"]
        failed = {status: answer for status, answer in answers.items() if status >= "400"}
        assert {"400", "413", "415", "421", "500"} <= set(failed), path
        for answer in failed.values():
            assert list(answer["content"]) == ["application/problem+json"]
        assert {"401", "403", "429", "503"} <= set(failed) or path.startswith("/health/")
    assert "422" in found["/users/{user}/wishes", "get"]["responses"]
    assert "422" not in found["/metrics", "get"]["responses"]
    assert "Problem" in ask(app, "/openapi.json").json()["components"]["schemas"]


def test_the_key_is_documented_where_it_is_needed(tmp_path, app):
    keyed = create(settings_for(tmp_path, serve={"read_key": "one"}))
    assert ask(app, "/openapi.json").json()["components"]["securitySchemes"] == {
        "X-API-Key": {"type": "apiKey", "in": "header", "name": "X-API-Key"}
    }
    assert operations(app)["/metrics", "get"]["security"] == [{"X-API-Key": []}, {}]
    document = json.loads(ask(keyed, "/openapi.json", headers={"X-API-Key": "one"}).body)
    assert document["paths"]["/metrics"]["get"]["security"] == [{"X-API-Key": []}]
    assert "security" not in document["paths"]["/health/live"]["get"]


def test_schemas_are_in_the_words_of_openapi_3_0(app):
    document = ask(app, "/openapi.json").json()
    wish = document["components"]["schemas"]["Wish"]["properties"]
    assert document["openapi"] == "3.0.3"
    assert wish["product"]["example"] == "lamp"
    assert (wish["quantity"]["minimum"], wish["quantity"]["exclusiveMinimum"]) == (0, True)
    assert (wish["colour"]["type"], wish["colour"]["nullable"]) == ("string", True)
    assert (len(wish["size"]["anyOf"]), wish["size"]["nullable"]) == (2, True)
    assert wish["inner"] == {"allOf": [{"$ref": "#/components/schemas/Wish"}], "nullable": True}
    assert "null" not in re.findall(r'"type": "(\w+)"', json.dumps(document))


def test_the_docs_page_comes_whole_from_here(app):
    page = ask(app, "/docs")
    assert page.status == 200 and page.headers["content-type"].startswith("text/html")
    assert not re.findall(r"https?:|//[a-z]|@import|<script>|\son\w+=|style=", page.body.decode())
    parts = re.findall(r'(?:src|href)="([^"]+)"', page.body.decode())
    assert len(parts) == 4 and all(ask(app, part).status == 200 for part in parts)
    policy = page.headers["content-security-policy"]
    assert "script-src 'self';" in policy and "unsafe-eval" not in policy and "http" not in policy
    started = ask(app, "/docs/start.js").body.decode()
    assert '"/openapi.json"' in started and "validatorUrl: null" in started


@pytest.mark.parametrize("name", ["index.html", "swagger-ui.js.map", "..%2f__init__.py", "%2e%2e/x", "nothing"])
def test_no_other_file_is_given_out(app, name):
    assert ask(app, f"/docs/{name}").status in (400, 404)


def test_a_client_library_is_served_as_well(app):
    async def asked() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
            return [await client.get("/health/live"), await client.post("/wishes", json={"product": "lamp"})]

    live, wish = asyncio.run(asked())
    assert (live.json(), wish.json()["product"]) == ({"status": "live"}, "lamp")


def test_routes_find_the_state_by_the_request(app, settings):
    @app.get("/home")
    async def home(request: Request) -> str:
        return str(state.of(request).settings.data_dir)

    assert ask(app, "/home").json() == str(settings.data_dir)


def test_every_setting_of_the_api_stands_in_its_page(settings):
    from test_readme import ROOT

    page = (ROOT / "docs" / "serving.md").read_text()
    names = [row[0] for row in listed(settings) if row[0].startswith(f"{PREFIX}SERVE__")]
    assert names and all(f"`{name}`" in page for name in names)


def test_every_metric_stands_in_its_page(app):
    from test_readme import ROOT

    page = (ROOT / "docs" / "serving.md").read_text()
    names = {family.name for family in app.state.millstream.measures.collect()}
    assert all(f"`{name}" in page for name in names)


def test_every_operation_has_a_short_summary_of_its_own(settings):
    # What is asked for behind the `?` as well as by the address is one operation with two ways to it.
    found = [said for (path, _), said in operations(create(settings)).items() if path not in ("/explain", "/estimate")]
    summaries = [operation["summary"] for operation in found]
    assert len(set(summaries)) == len(summaries)
    for operation in found:
        assert 10 < len(operation["summary"]) <= 100 and operation["summary"][0].isupper(), operation["summary"]
        assert operation.get("description", "").rstrip(".") != operation["summary"]
