"""This module looks at a tracking store's database before a server opens it: is its schema this MLflow's?

MLflow itself migrates a database without asking when tables of a newer version are missing
(`mlflow.store.db.utils._safe_initialize_tables`). A team's database is migrated by a person who has a backup.
"""

import importlib.util
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.errors import ClusterError

if TYPE_CHECKING:
    from sqlalchemy import URL, Connection

CONNECT_TIMEOUT_S = 10
RULE = "The tracking store is a database's address"
EXAMPLE = "Give sqlite:////folder/mlflow.db or postgresql://user@host/database."
LOCAL = ("file:", "/", ".")  # how an artifact location of the machine that made it begins


def with_driver(uri: str) -> str:
    """Returns a PostgreSQL address with its driver named: what `postgresql://` means changed in SQLAlchemy 2.1."""
    return re.sub("^postgres(ql)?://", "postgresql+psycopg2://", uri)


def without_password(uri: str) -> str:
    """Returns the address for people's eyes: its password is ***, wherever it is written."""
    address = _parsed(uri)
    query = {name: "***" if name in _SECRET_OPTIONS else value for name, value in address.query.items()}
    return address.set(query=query).render_as_string(hide_password=True)


def passwords_of(uri: str) -> list[str]:
    """Returns the passwords in an address, decoded and as they are written; none where it is no URL."""
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        address = make_url(uri)
    except (ArgumentError, ValueError):
        return []
    options = [value for name, value in address.query.items() if name in _SECRET_OPTIONS]
    decoded = [str(value) for value in [address.password, *options] if value]
    written = uri.partition("://")[2].rpartition("@")[0].partition(":")[2]
    return [*decoded, *([written] if address.password and written else [])]


def require_database(uri: str, proxied: Sequence[str] = ()) -> None:
    """Raise ClusterError where a server should not open this database; an empty or missing one is fine.

    `proxied` are the experiments whose artifacts clients on other machines write. Made by a client without a
    server, they have their artifacts in a folder of that machine, where no other machine's client can write.
    """
    address = _parsed(uri)
    if address.get_backend_name() == "sqlite" and not Path(address.database or "").is_file():
        return
    with _connected(uri) as connection:
        _require_schema(connection, without_password(uri))
        local = {name: place for name, place in _artifact_locations(connection).items() if place.startswith(LOCAL)}
    kept = next((name for name in proxied if name in local), None)
    if kept is not None:
        raise ClusterError(
            "A store for several machines keeps its artifacts behind the server",
            f"an experiment {kept!r} in {without_password(uri)} that one machine made for itself ({local[kept]})",
            "Serve a new one: --data-dir NEW, or another --backend-store-uri. `ganlimit ui` still shows this one.",
        )


_SECRET_OPTIONS = frozenset({"password", "sslpassword", "passfile"})


def _parsed(text: str) -> "URL":
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        return make_url(text)
    except (ArgumentError, ValueError):  # whose message holds the address
        raise ClusterError(RULE, "something else", EXAMPLE) from None


@contextmanager
def _connected(uri: str) -> "Iterator[Connection]":
    from sqlalchemy import create_engine
    from sqlalchemy.exc import NoSuchModuleError, SQLAlchemyError

    options = {"connect_timeout": CONNECT_TIMEOUT_S} if uri.startswith("postgresql") else {}
    try:
        engine = create_engine(uri, connect_args=options)
    except NoSuchModuleError as error:
        raise ClusterError(RULE, without_password(uri), EXAMPLE) from error
    except ImportError as error:
        if "psycopg2" in uri:
            raise ClusterError(
                "A tracking server on PostgreSQL needs psycopg2", "none", "Run pip install 'ganlimit[team]'."
            ) from error
        raise ClusterError(RULE, f"{without_password(uri)} ({error})", "Install its driver.") from error
    try:
        with engine.connect() as connection:
            yield connection
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
        raise ClusterError(
            "The tracking store's database answers",
            f"{without_password(uri)} ({reason})",
            "Start it, or check its address, user and password.",
        ) from error
    finally:
        engine.dispose()


def _require_schema(connection: "Connection", shown: str) -> None:
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from sqlalchemy import inspect

    if all(name.startswith("alembic_") for name in inspect(connection).get_table_names()):
        return  # new: MLflow makes its tables
    package = importlib.util.find_spec("mlflow")
    assert package is not None
    assert package.submodule_search_locations is not None
    scripts = ScriptDirectory(str(Path(package.submodule_search_locations[0]) / "store" / "db_migrations"))
    found, wanted = MigrationContext.configure(connection).get_current_revision(), scripts.get_current_head()
    if found == wanted:
        return
    known = {script.revision for script in scripts.walk_revisions()}
    rule = "The database's schema is that of the installed MLflow"
    if found is None:
        raise ClusterError(rule, f"tables without a version in {shown}", "Give a database of its own.")
    if found not in known:
        raise ClusterError(
            rule,
            f"the unknown, perhaps newer, {found} in {shown}",
            "Install the MLflow that the database was last used with.",
        )
    raise ClusterError(
        rule,
        f"the older {found} in {shown}",
        f"Stop its other servers, make a backup, then run: mlflow db upgrade '{shown}'"
        + (" (with the password in place of ***)" if "***" in shown else ""),
    )


def _artifact_locations(connection: "Connection") -> Mapping[str, str]:
    from sqlalchemy import inspect, text

    if "experiments" not in inspect(connection).get_table_names():
        return {}
    rows = connection.execute(text("SELECT name, artifact_location FROM experiments"))
    return {name: place or "" for name, place in rows}
