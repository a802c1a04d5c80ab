"""The servers that other tests rely on do what they promise."""

from pathlib import Path

import psycopg2
import pytest

from tests.cluster.servers import PASSWORD, postgres, s3_server


def test_postgres_wants_its_password_and_keeps_its_data_over_a_restart(tmp_path: Path) -> None:
    with postgres(tmp_path) as server:
        uri = server.create_database("kept")
        server.execute("CREATE TABLE t (n int); INSERT INTO t VALUES (7)", "kept")
        with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
            psycopg2.connect(uri.replace(PASSWORD, "wrong"))
        server.stop()
        with pytest.raises(psycopg2.OperationalError):
            psycopg2.connect(uri)
        server.start()
        server.restart()
        connection = psycopg2.connect(uri)
        with connection.cursor() as cursor:
            cursor.execute("SELECT n FROM t")
            assert cursor.fetchall() == [(7,)]
        connection.close()
        folder = server.data
    assert not folder.exists()
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(uri)


def test_an_s3_server_has_an_empty_bucket() -> None:
    with s3_server() as server:
        assert server.keys() == []
        server.client().put_object(Bucket=server.bucket, Key="a/b", Body=b"kept")
        assert server.keys() == ["a/b"]
