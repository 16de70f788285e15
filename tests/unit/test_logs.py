import json
import logging

from clone_studio.logs import JsonFormatter


def line_of(record: logging.LogRecord) -> dict[str, object]:
    text = JsonFormatter().format(record)
    assert "\n" not in text
    line: dict[str, object] = json.loads(text)
    return line


def test_a_record_is_one_line_of_json_with_its_fields() -> None:
    record = logging.makeLogRecord(
        {"name": "clone_studio.request", "levelname": "INFO", "msg": "%s\nb", "args": ("ä",)}
    )
    record.request_id = "abc"
    record.path = object
    line = line_of(record)
    assert (line["level"], line["logger"], line["message"]) == (
        "info",
        "clone_studio.request",
        "ä\nb",
    )
    assert line["request_id"] == "abc"
    assert str(line["time"]).endswith("+00:00")


def test_a_secret_is_left_out_wherever_it_stands() -> None:
    secret = 'sk-"quoted\\key'
    try:
        raise ValueError(f"the server said {secret}")
    except ValueError as error:
        info = (ValueError, error, error.__traceback__)
    record = logging.makeLogRecord({"msg": "key %s", "args": (secret,), "exc_info": info})
    record.path = f"/{secret}"
    text = JsonFormatter(lambda: [secret]).format(record)
    assert secret not in text and "quoted" not in text
    line = json.loads(text)
    assert (line["message"], line["path"]) == ("key …", "/…")
    assert "the server said …" in line["exception"]


def test_an_exception_stays_on_the_line() -> None:
    try:
        raise ValueError("broken")
    except ValueError as error:
        info = (ValueError, error, error.__traceback__)
    line = line_of(logging.makeLogRecord({"msg": "failed", "exc_info": info}))
    assert "ValueError: broken" in str(line["exception"])
