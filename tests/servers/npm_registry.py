"""A small registry of npm packages on this machine; `npm` itself asks it."""

import base64
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

from tests.servers.http_thread import serving


def _packed(members: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for path, body in members.items():
            entry = tarfile.TarInfo(path)
            entry.size = len(body)
            archive.addfile(entry, io.BytesIO(body))
    return out.getvalue()


class NpmRegistry:
    """Holds one package of one version.

    Args:
        name: Its name.
        version: Its version.
        members: What the archive holds, by path; npm itself puts all below `package/`.
    """

    def __init__(self, name: str, version: str, members: dict[str, bytes]) -> None:
        self._name, self._version = name, version
        facts = json.dumps({"name": name, "version": version}).encode()
        self._archive = _packed({"package/package.json": facts, **members})
        self.address = ""

    @contextmanager
    def running(self) -> Iterator["NpmRegistry"]:
        """Serve on a free port until the block ends."""
        with serving(self.answer) as address:
            self.address = f"{address}/"
            yield self

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        """Answer with the package's facts or with the package."""
        path = request.path.strip("/")
        if path == self._name:
            body = json.dumps(self._facts()).encode()
        elif path.endswith(".tgz"):
            body = self._archive
        else:
            request.send_error(404)
            return
        request.send_response(200)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def _facts(self) -> dict[str, object]:
        sums = base64.b64encode(hashlib.sha512(self._archive).digest()).decode()
        dist = {
            "tarball": f"{self.address}{self._name}-{self._version}.tgz",
            "integrity": f"sha512-{sums}",
        }
        version = {"name": self._name, "version": self._version, "dist": dist}
        return {
            "name": self._name,
            "dist-tags": {"latest": self._version},
            "versions": {self._version: version},
        }
