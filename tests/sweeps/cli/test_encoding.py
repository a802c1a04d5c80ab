"""Commands print whatever characters the terminal's encoding has: none ends with a traceback for want of one."""

import io
import sys
from typing import Any

import pytest

from sweeps.cli.output import console, heed_encoding, print_json, remark, say

TEXT = "✓ ✗ 3 ± 1 … 1/9 → 1/4 größer 漢"


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("ascii", "v x 3 ~ 1 . 1/9 > 1/4 gr??er ?"),
        ("latin-1", "v x 3 ± 1 . 1/9 > 1/4 größer ?"),
        ("utf-8", TEXT),
    ],
)
def test_what_an_encoding_lacks_is_written_otherwise(
    encoding: str, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    streams = {name: io.TextIOWrapper(io.BytesIO(), encoding=encoding) for name in ("stdout", "stderr")}
    for name, stream in streams.items():
        monkeypatch.setattr(sys, name, stream)
    heed_encoding()
    say(TEXT)
    remark(TEXT)
    console().print(TEXT)
    print_json({"name": TEXT})
    written = {name: _written(stream) for name, stream in streams.items()}
    assert written["stderr"] == f"{expected}\n"
    assert written["stdout"].startswith(f"{expected}\n{expected}\n")
    assert written["stdout"].isascii() == (encoding == "ascii")


def _written(stream: Any) -> str:
    stream.flush()
    found: str = stream.buffer.getvalue().decode(stream.encoding)
    return found


def test_a_command_says_so_before_anything_else(ganlimit: Any, finished: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stderr", stream)
    assert ganlimit("report", "größer ✓", "--data-dir", finished.data_dir).code == 2
    assert "'gr??er v'" in _written(stream)
