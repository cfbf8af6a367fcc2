"""A model hub on 127.0.0.1: the few requests that an upload with ``huggingface_hub`` makes, answered from memory.

Large files go the way that git LFS calls "basic": asked for in a batch, then put to the address given.
"""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

TOKEN = "hf_" + "t" * 34


@dataclass
class Repository:
    """What lies in one repository."""

    private: bool
    files: dict[str, bytes] = field(default_factory=dict)
    commits: list[str] = field(default_factory=list)
    """Their messages."""


class HubServer:
    """Serves in a thread of its own while the ``with`` block lasts.

    Args:
        account: who the token belongs to.
        organizations: where the account may write besides.
        role: of the token.
        refuses: path prefix → (status, message) of requests that are refused.
    """

    def __init__(
        self,
        *,
        account: str = "ann",
        organizations: tuple[str, ...] = ("lab",),
        role: str = "write",
        refuses: dict[str, tuple[int, str]] | None = None,
    ) -> None:
        self.account, self.organizations, self.role = account, organizations, role
        self.refuses = refuses or {}
        self.repositories: dict[str, Repository] = {}
        self.requests: list[str] = []
        """``"GET /path"``, in the order of arrival."""
        self.stored: dict[str, bytes] = {}
        """Large files by their sha256."""
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def url(self) -> str:
        """What ``HF_ENDPOINT`` is to be."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> HubServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def reply(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        """Status and what to send as JSON."""
        self.requests.append(f"{method} {path}")
        if method == "PUT" and path.startswith("/stored/"):
            self.stored[hashlib.sha256(body).hexdigest()] = body
            return 200, {}
        if headers.get("authorization") != f"Bearer {TOKEN}":
            return 401, {"error": "Invalid username or password."}
        for prefix, (status, message) in self.refuses.items():
            if path.startswith(prefix):
                return status, {"error": message}
        if path == "/api/whoami-v2":
            organizations = [{"name": name} for name in self.organizations]
            auth = {"accessToken": {"displayName": "test", "role": self.role}}
            return 200, {"type": "user", "name": self.account, "orgs": organizations, "auth": auth}
        if path == "/api/validate-yaml":
            return 200, {"errors": [], "warnings": []}
        if path == "/api/repos/create":
            return self._create(json.loads(body))
        for name, repository in self.repositories.items():
            if path == f"/api/models/{name}/preupload/main":
                return 200, {"files": [_mode(file) for file in json.loads(body)["files"]]}
            if path == f"/{name}.git/info/lfs/objects/batch":
                return 200, {"transfer": "basic", "objects": [self._place(o) for o in json.loads(body)["objects"]]}
            if path == f"/api/models/{name}/commit/main":
                return self._commit(name, repository, body)
        return 404, {"error": f"no such path: {path}"}

    def _create(self, asked: dict[str, Any]) -> tuple[int, Any]:
        name = f"{asked.get('organization') or self.account}/{asked['name']}"
        url = f"{self.url}/{name}"
        if name in self.repositories:
            return 409, {"error": "You already created this model repo", "url": url}
        self.repositories[name] = Repository(private=bool(asked.get("private")))
        return 200, {"url": url, "name": name, "id": name}

    def _place(self, asked: dict[str, Any]) -> dict[str, Any]:
        upload = {"href": f"{self.url}/stored/{asked['oid']}"}
        return {"oid": asked["oid"], "size": asked["size"], "actions": {"upload": upload}}

    def _commit(self, name: str, repository: Repository, body: bytes) -> tuple[int, Any]:
        for line in map(json.loads, body.decode().splitlines()):
            value = line["value"]
            if line["key"] == "header":
                repository.commits.append(value["summary"])
            elif line["key"] == "file":
                repository.files[value["path"]] = base64.b64decode(value["content"])
            elif line["key"] == "lfsFile":
                repository.files[value["path"]] = self.stored[value["oid"]]
        oid = "c" * 40
        return 200, {"success": True, "commitOid": oid, "commitUrl": f"{self.url}/{name}/commit/{oid}"}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        server = self

        class Handler(BaseHTTPRequestHandler):
            """Reads one request, writes one reply."""

            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self._serve()

            def do_POST(self) -> None:
                self._serve()

            def do_PUT(self) -> None:
                self._serve()

            def _body(self) -> bytes:
                if self.headers.get("Transfer-Encoding") != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length") or 0))
                parts = []
                while size := int(self.rfile.readline(), 16):
                    parts.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(parts)

            def _serve(self) -> None:
                headers = {name.lower(): value for name, value in self.headers.items()}
                status, content = server.reply(self.command, self.path.partition("?")[0], headers, self._body())
                payload = json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(payload)))
                if status >= 400:
                    self.send_header("X-Error-Message", str(content.get("error")))
                self.end_headers()
                self.wfile.write(payload)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        return Handler


def _mode(file: dict[str, Any]) -> dict[str, Any]:
    mode = "lfs" if file["path"].endswith((".safetensors", ".pth")) else "regular"
    return {"path": file["path"], "uploadMode": mode, "shouldIgnore": False, "oid": None}
