"""The port: free, or taken by the studio itself."""

import errno
import json
import socket
from http.client import HTTPConnection, HTTPException

from clone_studio.services.checks.finding import Finding

SECONDS = 5.0
MOST_BYTES = 100_000


def port(host: str, number: int) -> Finding:
    """Say who listens where the studio is to listen."""
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, number))
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            reason = error.strerror or "no such address"
            return Finding(
                "port",
                "fault",
                f"The studio cannot listen on {host}, port {number}: {reason}.",
                "Choose others with STUDIO_HOST and STUDIO_PORT.",
            )
    else:
        return Finding("port", "ok", f"The studio does not run; port {number} is free.")
    near = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
    if _is_studio(near, number):
        return Finding("port", "ok", f"The studio runs, on port {number}.")
    return Finding(
        "port",
        "fault",
        f"Port {number} is taken by a program that does not answer as the studio does.",
        "Stop it, or choose another port with STUDIO_PORT.",
    )


def _is_studio(host: str, number: int) -> bool:
    connection = HTTPConnection(host, number, timeout=SECONDS)
    try:
        connection.request("GET", "/api/health")
        said = json.loads(connection.getresponse().read(MOST_BYTES))
    except (OSError, HTTPException, ValueError):
        return False
    finally:
        connection.close()
    return isinstance(said, dict) and said.get("service") == "clone-studio"
