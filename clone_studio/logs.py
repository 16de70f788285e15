"""Structured logs: one JSON object a line, on standard error."""

import json
import logging
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonFormatter(logging.Formatter):
    """Writes time, level, logger, message and the `extra` fields of a record.

    Args:
        secrets: Gives what must not stand in a log, whoever writes it: a library's exception
            may repeat what a server said, and that the key.
    """

    def __init__(self, secrets: Callable[[], Iterable[str]] = tuple) -> None:
        super().__init__()
        self._secrets = secrets

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as one line of JSON."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _OWN}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        text = json.dumps(line, default=str, ensure_ascii=False)
        for secret in self._secrets():
            # As JSON writes it, without the quotation marks around it.
            text = text.replace(json.dumps(secret, ensure_ascii=False)[1:-1], "…")
        return text


def set_up(level: str, secrets: Callable[[], Iterable[str]] = tuple) -> None:
    """Send all logs to standard error: the studio's own from `level` on, others from warnings.

    Called again it changes the level and the secrets that are left out.
    """
    root = logging.getLogger()
    ours = [one for one in root.handlers if isinstance(one.formatter, JsonFormatter)]
    if not ours:
        ours = [logging.StreamHandler(sys.stderr)]
        root.addHandler(ours[0])
    for handler in ours:
        handler.setFormatter(JsonFormatter(secrets))
    logging.getLogger("clone_studio").setLevel(level)
