"""As much of Kubernetes as Spark's driver asks for: pods that are processes of this machine, each request noted.

A pod's program, environment and folders are those of its spec; what would be mounted is a folder of this machine. There
are no images, no network of its own and no rights: what a container sees of the rest of the machine is not held back.
"""

import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

Pod = dict[str, Any]


class Pods:
    """Those of one namespace. `maps` are its ConfigMaps, `home` is where its folders are."""

    def __init__(self, home: Path, maps: Mapping[str, Mapping[str, str]], outer: Mapping[str, str]) -> None:
        self.home, self.maps, self.outer = home, maps, outer
        self.asked: set[tuple[str, str]] = set()
        self.made: list[Pod] = []
        self.pods: dict[str, Pod] = {"app-0": {"metadata": {"name": "app-0"}}}
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.lock = threading.RLock()
        self.ended = threading.Event()
        for pod in self.pods.values():
            _entered(pod)

    def create(self, pod: Pod) -> Pod:
        """Start it."""
        with self.lock:
            name = pod["metadata"]["name"]
            self.made.append(json.loads(json.dumps(pod)))
            self.pods[name] = _entered(pod)
            self.processes[name] = self._started(pod)
            return pod

    def found(self, labels: Mapping[str, str]) -> list[Pod]:
        """Those with the labels, as they are now."""
        with self.lock:
            for name, process in self.processes.items():
                if name in self.pods:
                    self.pods[name]["status"] = _status(process.poll())
            return [one for one in self.pods.values() if labels.items() <= one["metadata"].get("labels", {}).items()]

    def delete(self, name: str) -> Pod | None:
        """End it."""
        with self.lock:
            if process := self.processes.get(name):
                process.terminate()
            return self.pods.pop(name, None)

    def end(self) -> None:
        """All that still runs."""
        self.ended.set()
        for process in self.processes.values():
            process.kill()
            process.wait()

    def _started(self, pod: Pod) -> "subprocess.Popen[bytes]":
        (container,) = pod["spec"]["containers"]
        folder = self.home / pod["metadata"]["name"]
        mounts = {mount["mountPath"]: folder / mount["name"] for mount in container["volumeMounts"]}
        for volume in pod["spec"]["volumes"]:
            (folder / volume["name"]).mkdir(parents=True)
            for name, text in self.maps[volume["configMap"]["name"]].items() if "configMap" in volume else ():
                (folder / volume["name"] / name).write_text(text)
        words = [_here(word, mounts) for word in (*container["command"], *container["args"])]
        given: dict[str, str] = {}
        for source in container.get("envFrom", []):
            given |= self.maps[source["configMapRef"]["name"]]
        given |= {one["name"]: _here(_value(one, pod), mounts) for one in container["env"]}
        with (folder / "log").open("wb") as log:
            return subprocess.Popen(
                words, env={**self.outer, **given}, cwd=mounts[container["workingDir"]], stdout=log, stderr=log
            )


def _entered(pod: Pod) -> Pod:
    pod["apiVersion"], pod["kind"] = "v1", "Pod"
    pod["metadata"] |= {"namespace": "millstream", "uid": pod["metadata"]["name"], "resourceVersion": "1"}
    pod["metadata"]["creationTimestamp"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    pod.setdefault("status", _status(None))
    return pod


def _status(code: int | None) -> dict[str, Any]:
    if code is None:
        phase, state = "Running", {"running": {}}
    else:
        phase, state = "Failed" if code else "Succeeded", {"terminated": {"exitCode": code}}
    own = {"name": "executor", "ready": code is None, "restartCount": 0, "image": "", "imageID": "", "state": state}
    ready = {"type": "Ready", "status": str(code is None)}
    return {"phase": phase, "podIP": "127.0.0.1", "conditions": [ready], "containerStatuses": [own]}


def _value(one: Mapping[str, Any], pod: Pod) -> str:
    field = one.get("valueFrom", {}).get("fieldRef", {}).get("fieldPath")
    return {"status.podIP": "127.0.0.1", "metadata.name": pod["metadata"]["name"], None: one.get("value", "")}[field]


def _here(text: str, mounts: Mapping[str, Path]) -> str:
    for path, folder in mounts.items():
        if text == path or text.startswith(f"{path}/"):
            return f"{folder}{text.removeprefix(path)}"
    return text


class Api(ThreadingHTTPServer):
    """What Spark talks to, on a port of its own; `serve_forever` is the caller's."""

    def __init__(self, pods: Pods) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.pods = pods


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Api

    def do_GET(self) -> None:
        if "watch" in self._query():
            self._note("watch")
            self._watch()
        elif name := self._name():
            self._note("get")
            self._answer(self.server.pods.pods.get(name))
        else:
            self._note("list")
            self._answer(_listed(self.server.pods.found(self._labels())))

    def do_POST(self) -> None:
        self._note("create")
        self._answer(self.server.pods.create(self._body()), 201)

    def do_PATCH(self) -> None:
        self._note("patch")
        self._body()
        self._answer(self.server.pods.pods.get(self._name()))

    def do_DELETE(self) -> None:
        self._body()
        if name := self._name():
            self._note("delete")
            self._answer(self.server.pods.delete(name))
        else:
            self._note("deletecollection")
            names = [one["metadata"]["name"] for one in self.server.pods.found(self._labels())]
            self._answer(_listed([self.server.pods.delete(one) for one in names]))

    def log_message(self, *_: Any) -> None:
        """Nothing: what was asked is noted."""

    def _path(self) -> str:
        return urlsplit(self.path).path.removeprefix("/api/v1/namespaces/millstream/")

    def _name(self) -> str:
        """Of a pod; empty where all are meant."""
        return self._path().partition("/")[2]

    def _query(self) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.path).query)

    def _labels(self) -> dict[str, str]:
        selector = self._query().get("labelSelector", [""])[0]
        # Those that Spark marks as inactive, which it asks to be left out, are removed here at once.
        return dict(part.split("=", 1) for part in selector.split(",") if "=" in part and "!=" not in part)

    def _note(self, verb: str) -> None:
        self.server.pods.asked.add((verb, self._path().partition("/")[0]))

    def _body(self) -> Any:
        content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        return json.loads(content) if content else {}

    def _watch(self) -> None:
        """Nothing comes of it: Spark also lists, now and then."""
        if "websocket" in self.headers.get("Upgrade", "").lower():
            self._answer({})
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        self.server.pods.ended.wait(600)

    def _answer(self, found: Any, code: int = 200) -> None:
        if found is None:
            code, found = 404, {"apiVersion": "v1", "kind": "Status", "status": "Failure", "code": 404}
        content = json.dumps(found).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def _listed(items: list[Any]) -> Pod:
    return {"apiVersion": "v1", "kind": "PodList", "metadata": {"resourceVersion": "1"}, "items": items}


def outer(python: Path, java: Path) -> dict[str, str]:
    """What an image gives: programs on the PATH."""
    path = f"{python.parent}{os.pathsep}{java / 'bin'}{os.pathsep}/usr/bin:/bin"
    assert shutil.which("bash", path=path)
    return {"PATH": path, "HOME": "/tmp", "NUMBA_CACHE_DIR": os.environ.get("NUMBA_CACHE_DIR", "/tmp/numba")}
