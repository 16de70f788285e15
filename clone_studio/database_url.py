"""Addresses of databases: any common form becomes the one that SQLAlchemy and psycopg take.

Hosts of databases hand out addresses in the forms of other drivers and languages. No error here
repeats any part of an address but its scheme and the name of an option: it holds a password.
"""

from urllib.parse import parse_qsl, unquote

from sqlalchemy import URL

from clone_studio import PROJECT_ROOT

DRIVER = "postgresql+psycopg"
_POSTGRES = {"postgres", "postgresql", "pgsql"}
SSL_MODES = frozenset({"disable", "allow", "prefer", "require", "verify-ca", "verify-full"})
# What other drivers take for `ssl` where libpq has modes.
_SSL_WORDS = {"true": "require", "1": "require", "false": "disable", "0": "disable", "": "require"}
# What libpq takes and an address may usefully say.
_OPTIONS = frozenset(
    {
        "application_name",
        "channel_binding",
        "client_encoding",
        "connect_timeout",
        "gssencmode",
        "host",
        "hostaddr",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "krbsrvname",
        "load_balance_hosts",
        "options",
        "passfile",
        "password",
        "port",
        "require_auth",
        "service",
        "sslcert",
        "sslcrl",
        "sslkey",
        "sslmode",
        "sslnegotiation",
        "sslpassword",
        "sslrootcert",
        "sslsni",
        "target_session_attrs",
        "tcp_user_timeout",
        "user",
    }
)
# Said to other drivers about how they pool and prepare; nothing here depends on it.
_WITHOUT_MEANING = frozenset(
    {
        "connection_limit",
        "pgbouncer",
        "pool_timeout",
        "prepared_statement_cache_size",
        "prepareThreshold",
        "statement_cache_size",
    }
)


def database_url(address: str) -> URL:
    """Return the address of a database as SQLAlchemy takes it.

    Args:
        address: `postgres://`, `postgresql://` with or without a driver's name, `jdbc:` before
            it, with the options of libpq; or `sqlite:///`, whose relative paths count from the
            project folder.

    Raises:
        ValueError: With a sentence that holds no part of the address but scheme or option.
    """
    scheme, mark, rest = address.strip().removeprefix("jdbc:").partition("://")
    kind = scheme.lower().partition("+")[0]
    if mark and kind in _POSTGRES:
        return _postgres(rest)
    if mark and kind == "sqlite":
        return _sqlite(rest)
    raise ValueError(
        "a database's address begins with postgresql:// (or postgres://) or sqlite:///"
    )


def is_postgres(address: str) -> bool:
    """Say whether an address that `database_url` takes is one of PostgreSQL."""
    return database_url(address).drivername == DRIVER


def _sqlite(rest: str) -> URL:
    path, _, query = rest.partition("?")
    if not path.startswith("/") or path in {"/", "/:memory:"}:
        raise ValueError("an address of SQLite is sqlite:/// and the path of a file")
    # sqlite:////var/x is the path /var/x: an absolute path stays as it is when it is joined.
    place = str(PROJECT_ROOT / unquote(path[1:]))
    return URL.create("sqlite", database=place, query=dict(parse_qsl(query)))


def _postgres(rest: str) -> URL:
    rest, _, query = rest.partition("?")
    # The last @ ends the password: many are pasted as they are, with an @ or / inside.
    login, _, place = rest.rpartition("@")
    hosts, _, name = place.partition("/")
    user, _, password = login.partition(":")
    options = _options(query)
    name = unquote(name) or options.pop("dbname", "")
    if not name:
        raise ValueError("the address of a PostgreSQL database ends with / and its name")
    user, password = unquote(user) or options.pop("user", ""), unquote(password)
    password = password or options.pop("password", "")
    host, port = _hosts(hosts, options)
    url = URL.create(DRIVER, user or None, password or None, host, port, name)
    return url.set(query=options)


def _hosts(hosts: str, options: dict[str, str]) -> tuple[str | None, int | None]:
    """Return host and port; several go into `options`, as libpq takes them."""
    pairs = [_host(one) for one in hosts.split(",")] if hosts else []
    if len(pairs) > 1:
        options["host"] = ",".join(host for host, _ in pairs)
        options["port"] = ",".join(port or "5432" for _, port in pairs)
        return None, None
    host, port = pairs[0] if pairs else ("", "")
    if port and "port" in options:
        del options["port"]
    return host or None, int(port) if port else None


def _host(text: str) -> tuple[str, str]:
    host, colon, port = text.rpartition(":")
    if not colon or text.endswith("]"):
        host, port = text, ""
    if port and not (port.isdecimal() and 0 < int(port) < 65536):
        raise ValueError(
            "the port in the address of a PostgreSQL database is a number from 1 to 65535; "
            "write an @, / or ? inside a password as %40, %2F or %3F"
        )
    # A unix socket's folder may stand percent-encoded where the host does.
    return unquote(host.strip("[]")), port


def _options(query: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        if name in {"ssl", "sslmode"}:
            found["sslmode"] = _ssl_mode(name, value)
        elif name == "schema" and value != "public":
            raise ValueError("the studio keeps its tables in the schema public; leave schema= out")
        elif name in _OPTIONS or name == "dbname":
            found[name] = value
        elif name not in _WITHOUT_MEANING and name != "schema":
            raise ValueError(f"PostgreSQL has no connection option {name[:40]!r}; leave it out")
    return found


def _ssl_mode(name: str, value: str) -> str:
    mode = _SSL_WORDS.get(value.lower(), value.lower()) if name == "ssl" else value.lower()
    if mode not in SSL_MODES:
        raise ValueError(f"{name}= is one of {', '.join(sorted(SSL_MODES))}")
    return mode
