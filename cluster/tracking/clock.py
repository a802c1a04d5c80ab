"""This module compares a web server's clock with this machine's, by the Date that it writes above its answers."""

import time
import urllib.error
import urllib.request
from email.utils import parsedate_to_datetime

REQUEST_S = 10.0


def server_ahead_s(url: str) -> float | None:
    """Returns how many seconds the server's clock is ahead, at least; negative where behind, None without a Date.

    0 where the whole second that the server wrote (RFC 9110, 6.6.1) fits the time that the answer took. Raises
    OSError where nothing answers.
    """
    asked = time.time()
    try:
        with urllib.request.urlopen(url, timeout=REQUEST_S) as answer:
            date = answer.headers.get("Date")
    except urllib.error.HTTPError as error:
        date = error.headers.get("Date")  # who is refused is told the time all the same
    answered = time.time()
    if date is None:
        return None
    return ahead_s(parsedate_to_datetime(date).timestamp(), asked=asked, answered=answered)


def ahead_s(written: float, *, asked: float, answered: float) -> float:
    """Returns the least difference of a clock that read [written, written + 1) between two times of ours."""
    return max(0.0, written - answered) + min(0.0, written + 1 - asked)
