"""A stand-in for Pinecone over real HTTP, as strict as the real one and as late.

The control plane and the data plane listen on two ports. Run it beside the studio:
`python -m tests.servers.pinecone_server --dimension 384`, then set `PINECONE_HOST` to the address
that it prints.
"""

import argparse
import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import numpy as np

from tests.servers.http_loop import HttpLoop, Reply, Request
from tests.servers.pinecone_rules import Refusal, matches, refuse_bad_upsert, require

KEY = "pcsk_test_0123456789"
VERSION_HEADER = "x-pinecone-api-version"
MOST_BODY = 2 * 1024 * 1024
MOST_ADDRESS = 16 * 1024
FAILURES = {
    "401": (401, {"error": {"code": "UNAUTHENTICATED", "message": "Invalid API Key"}}),
    "402": (402, {"error": {"code": "PAYMENT_REQUIRED", "message": "Pay first"}}),
    "403": (403, {"error": {"code": "FORBIDDEN", "message": "Quota reached"}, "status": 403}),
    "409": (409, {"error": {"code": "ABORTED", "message": "Busy"}, "status": 409}),
    "413": (413, {"message": "Request entity too large"}),
    "429": (429, {"error": {"code": "RESOURCE_EXHAUSTED", "message": "Slow down"}}),
    "500": (500, {"error": {"code": "INTERNAL", "message": "secret-upstream"}}),
    "503": (503, {"error": {"code": "UNAVAILABLE", "message": "Try later"}}),
}

Namespaces = dict[str, dict[str, dict[str, Any]]]


@dataclass
class PineconeServer:
    """The server, while `running`.

    `visible_after` is how many looks (queries, fetches, lists) a write or a deletion stays
    unseen. `modes` are failures of the next requests to the data plane, one each; `always` is one
    of all of them: a key of `FAILURES`, drop (the connection), hang (no byte ever) or partial (an
    upsert that takes all but one). `tells_lsn` has positions of the log told.
    """

    dimension: int = 64
    metric: str = "cosine"
    name: str = "clone-studio"
    kind: str = "vectors"
    ready: bool = True
    visible_after: int = 0
    tells_lsn: bool = True
    modes: list[str] = field(default_factory=list)
    always: str = ""
    control: str = ""
    requests: list[Request] = field(default_factory=list)
    committed: Namespaces = field(default_factory=dict)
    shown: Namespaces = field(default_factory=dict)
    largest_body: int = 0
    _log: list[tuple[int, int, Callable[[Namespaces], None]]] = field(default_factory=list)
    _lsn: int = 0
    _looks: int = 0
    _reconciled: int = 0
    _ports: tuple[int, int] = (0, 0)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def address(self) -> str:
        """What `PINECONE_HOST` has to be."""
        return f"http://127.0.0.1:{self._ports[0]}"

    @contextmanager
    def running(self) -> Iterator["PineconeServer"]:
        """Serve until the block ends; what was kept stays, for a second run on the same ports."""
        control, data = HttpLoop(self._control), HttpLoop(self._data)
        with ExitStack() as stack:
            stack.enter_context(control.running(self._ports[0]))
            stack.enter_context(data.running(self._ports[1]))
            self._ports = control.port, data.port
            yield self

    def ids(self, namespace: str) -> set[str]:
        """Return what has been committed in a namespace, seen or not."""
        with self._lock:
            return set(self.committed.get(namespace, {}))

    def paths(self, ending: str) -> list[Request]:
        """Return the requests whose path ends so."""
        return [one for one in self.requests if urlsplit(one.path).path.endswith(ending)]

    async def _control(self, request: Request, reply: Reply) -> None:
        self.requests.append(request)
        path = unquote(urlsplit(request.path).path)
        if not await self._may(request, reply, self.control):
            return
        if request.method != "GET" or path != f"/indexes/{self.name}":
            missing = {"error": {"code": "NOT_FOUND", "message": "Resource not found"}}
            await reply.json(404, {**missing, "status": 404})
            return
        vectors = {"type": "dense_vector", "dimension": self.dimension, "metric": self.metric}
        field_name = "_values" if self.kind == "vectors" else "embedding"
        state = "Ready" if self.ready else "Initializing"
        told = {
            "name": self.name,
            "host": f"http://127.0.0.1:{self._ports[1]}",
            "schema": {"fields": {field_name: vectors}},
            "deployment": {"deployment_type": "managed", "cloud": "aws", "region": "us-east-1"},
            "status": {"ready": self.ready, "state": state},
            "deletion_protection": "disabled",
            "tags": None,
        }
        await reply.json(200, told)

    async def _data(self, request: Request, reply: Reply) -> None:
        self.requests.append(request)
        mode = self.modes.pop(0) if self.modes else self.always
        if not await self._may(request, reply, mode):
            return
        parts = urlsplit(request.path)
        query = parse_qs(parts.query)
        try:
            with self._lock:
                require(len(request.path) <= MOST_ADDRESS, 414, "URI Too Long")
                answer = self._answer(request, unquote(parts.path), query, mode)
        except Refusal as refusal:
            await reply.json(refusal.status, refusal.body())
            return
        headers = {}
        if self.tells_lsn:
            headers = {
                "x_pinecone_lsn_committed": str(self._lsn),
                "x_pinecone_lsn_reconciled": str(self._reconciled),
            }
        await reply.json(200, answer, **headers)

    async def _may(self, request: Request, reply: Reply, mode: str) -> bool:
        if request.headers.get("api-key") != KEY:
            mode = "401"
        if VERSION_HEADER not in request.headers:
            await reply.json(400, {"code": 3, "message": "No version", "details": []})
            return False
        if mode == "drop":
            reply.cut()
            raise ConnectionResetError
        if mode == "hang":
            await reply.gone.wait()
            raise ConnectionResetError
        if mode not in FAILURES:
            return True
        extra = {"retry_after": "2"} if mode == "429" else {}
        await reply.json(*FAILURES[mode], **extra)
        return False

    def _answer(
        self, request: Request, path: str, query: dict[str, list[str]], mode: str
    ) -> dict[str, Any]:
        require(self.kind == "vectors", 400, "This index serves documents")
        known = {
            ("POST", "/vectors/upsert"): lambda: self._upsert(request, mode),
            ("POST", "/query"): lambda: self._query(request.body),
            ("GET", "/vectors/fetch"): lambda: self._fetch(query),
            ("POST", "/describe_index_stats"): self._stats,
            ("GET", "/vectors/list"): lambda: self._list(query),
            ("POST", "/vectors/delete"): lambda: self._delete(request.body),
        }
        if request.method == "DELETE" and path.startswith("/namespaces/"):
            return self._drop(path.removeprefix("/namespaces/"))
        require((request.method, path) in known, 404, "Not found")
        return known[request.method, path]()

    def _upsert(self, request: Request, mode: str) -> dict[str, Any]:
        size = int(request.headers.get("content-length", "0"))
        self.largest_body = max(self.largest_body, size)
        require(size <= MOST_BODY, 413, "Request size exceeds the limit of 2MB")
        rows = request.body["vectors"]
        refuse_bad_upsert(rows, self.dimension)
        taken = rows[:-1] if mode == "partial" else rows
        namespace = request.body.get("namespace", "__default__")

        def write(spaces: Namespaces) -> None:
            spaces.setdefault(namespace, {}).update({row["id"]: row for row in taken})

        self._commit(write)
        return {"upsertedCount": len(taken)}

    def _commit(self, change: Callable[[Namespaces], None]) -> None:
        self._lsn += 1
        change(self.committed)
        self._log.append((self._lsn, self._looks + self.visible_after, change))
        self._reconcile()

    def _reconcile(self) -> None:
        while self._log and self._log[0][1] <= self._looks:
            self._reconciled, _, change = self._log.pop(0)
            change(self.shown)

    def _look(self) -> None:
        self._reconcile()
        self._looks += 1

    def _query(self, body: dict[str, Any]) -> dict[str, Any]:
        require(1 <= body["topK"] <= 10_000, 400, "topK must be from 1 to 10000")
        vector = np.asarray(body["vector"], float)
        require(
            len(vector) == self.dimension,
            400,
            f"Vector dimension {len(vector)} does not match the dimension of the index "
            f"{self.dimension}",
        )
        require(bool(vector.any()), 400, "Dense vectors must contain at least one non-zero value")
        self._look()
        space = self.shown.get(body.get("namespace", "__default__"), {})
        rows = [row for row in space.values() if matches(row["metadata"], body.get("filter"))]
        scores: list[float] = []
        if rows:
            full = np.array([row["values"] for row in rows], np.float32)
            lengths = np.linalg.norm(full, axis=1) * np.linalg.norm(vector)
            scores = (full @ vector / lengths).tolist()
        found = sorted(zip(scores, rows, strict=True), key=lambda it: -it[0])[: body["topK"]]
        answer = [{"id": row["id"], "score": score} for score, row in found]
        return {"matches": answer, "namespace": body.get("namespace"), "usage": {"readUnits": 1}}

    def _fetch(self, query: dict[str, list[str]]) -> dict[str, Any]:
        require(len(query["ids"]) <= 1000, 400, "Too many ids")
        self._look()
        space = self.shown.get(query["namespace"][0], {})
        found = {one: _floats(space[one]) for one in query["ids"] if one in space}
        return {"vectors": found, "namespace": query["namespace"][0], "usage": {"readUnits": 1}}

    def _list(self, query: dict[str, list[str]]) -> dict[str, Any]:
        limit = int(query.get("limit", ["100"])[0])
        require(1 <= limit <= 100, 400, "limit must be from 1 to 100")
        after = query.get("paginationToken", [""])[0]
        if not after:
            self._look()
        space = self.shown.get(query["namespace"][0], {})
        ids = [one for one in sorted(space) if one > after]
        page: dict[str, Any] = {"vectors": [{"id": one} for one in ids[:limit]]}
        if len(ids) > limit:
            page["pagination"] = {"next": ids[limit - 1]}
        return page | {"namespace": query["namespace"][0], "usage": {"readUnits": 1}}

    def _stats(self) -> dict[str, Any]:
        counts = {name: {"vectorCount": len(rows)} for name, rows in self.shown.items()}
        total = sum(one["vectorCount"] for one in counts.values())
        told = {"namespaces": counts, "dimension": self.dimension, "indexFullness": 0}
        return told | {"totalVectorCount": total}

    def _delete(self, body: dict[str, Any]) -> dict[str, Any]:
        namespace, ids = body.get("namespace", "__default__"), body.get("ids")
        chosen = [name for name in ("ids", "filter", "deleteAll") if body.get(name)]
        require(len(chosen) == 1, 400, "Exactly one of ids, filter and deleteAll")
        require(ids is not None and len(ids) <= 1000, 400, "At most 1000 ids")
        require(namespace in self.committed, 404, "Namespace not found")

        def remove(spaces: Namespaces) -> None:
            for one in ids:
                spaces.get(namespace, {}).pop(one, None)

        self._commit(remove)
        return {}

    def _drop(self, namespace: str) -> dict[str, Any]:
        require(namespace in self.committed, 404, "Namespace not found")
        self._commit(lambda spaces: spaces.pop(namespace, None))
        return {}


def _floats(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as it comes back: every number is a float."""
    told = json.loads(json.dumps(row))
    told["metadata"] = {
        key: float(value) if isinstance(value, int) and not isinstance(value, bool) else value
        for key, value in told["metadata"].items()
    }
    return {**told, "values": np.asarray(told["values"], np.float32).astype(float).tolist()}


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dimension", type=int, default=384)
    parser.add_argument("--visible-after", type=int, default=2, help="looks until a write is seen")
    options = parser.parse_args()
    server = PineconeServer(options.dimension, visible_after=options.visible_after)
    with server.running():
        sys.stdout.write(f"{server.address}\n")
        sys.stdout.flush()
        signal.sigwait({signal.SIGINT, signal.SIGTERM})


if __name__ == "__main__":
    main()
