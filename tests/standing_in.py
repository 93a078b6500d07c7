"""A server on loopback that stands in for another: it answers what it is given in turn, and keeps what it was asked."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass(frozen=True)
class Answer:
    """One answer; `slowly` so many seconds between its bytes."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    slowly: float = 0.0


@dataclass
class StandIn:
    """Its address, and each request: (method, path, headers, body)."""

    url: str
    asked: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)


@contextmanager
def standing_in(*answers: Answer) -> Iterator[StandIn]:
    """The last answer is given again and again."""
    left, waiting = list(answers), threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Nothing."""

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            stand_in.asked.append((self.command, self.path, dict(self.headers), body))
            answer = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(answer.status)
            for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            step = 1 if answer.slowly else max(len(answer.body), 1)
            for first in range(0, len(answer.body), step):
                if answer.slowly and waiting.wait(answer.slowly):
                    return
                self.wfile.write(answer.body[first : first + step])

        do_POST = do_GET  # noqa: N815 - the names are the server's

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Who asked has gone away."""

    server = Server(("127.0.0.1", 0), Handler)
    stand_in = StandIn(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield stand_in
    finally:
        waiting.set()
        server.shutdown()
        server.server_close()
        thread.join()
