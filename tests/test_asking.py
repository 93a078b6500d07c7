"""What the page makes of an API that does not answer as it was asked to."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from spark_app.web.asking import Api, Trouble


class Problems(BaseHTTPRequestHandler):
    """Answers /503/Busy with a problem of that status and title; anything else with a page."""

    def do_GET(self):
        _, status, *title = self.path.split("/")
        body = json.dumps({"title": title[0].replace("%20", " "), "detail": "why"}) if title else "<html>"
        self.send_response(int(status))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        """Nothing."""


@pytest.fixture(scope="module")
def api():
    with ThreadingHTTPServer(("127.0.0.1", 0), Problems) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield Api(f"http://127.0.0.1:{server.server_address[1]}")
        server.shutdown()


@pytest.mark.parametrize(
    ("path", "kind", "said"),
    [
        (("503", "Not ready"), "not ready", "why"),
        (("503", "Busy"), "slow", "why"),
        (("503", "Not kept"), "refused", "why"),
        (("401", "No key"), "key", "why"),
        (("404", "Unknown user"), "unknown", "why"),
        (("500",), "refused", "it answered with status 500"),
        (("200",), "away", "what answers there is not Millstream's API"),
    ],
)
def test_each_trouble_has_a_kind_and_words(api, path, kind, said):
    with pytest.raises(Trouble) as found:
        api.get(*path)
    assert (found.value.kind, found.value.said) == (kind, said)


def test_an_api_that_is_not_there_is_away():
    with pytest.raises(Trouble) as found:
        Api("http://127.0.0.1:1").status()
    assert found.value.kind == "away"
