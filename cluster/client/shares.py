"""This module divides a cluster fairly between the drivers that run on it at the same time.

Ray gives what is free to whoever asks first, and a driver that reuses its actors never lets go. So each driver says
how many trials it runs and whether it wants more, and begins no more than its share: dominant resource fairness
(Ghodsi et al., 2011, algorithm 1), in whole trials.
"""

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any

import ray
from ray.exceptions import RayError

NAME, NAMESPACE = "ganlimit-shares", "ganlimit"
CLAIM_EVERY_S = 2.0
FORGET_AFTER_S = 30.0  # a driver that has not been heard of
PATIENCE_S = 10.0


@dataclass(frozen=True)
class Claim:
    """A Claim says what a driver runs and wants. Each trial takes `fraction` of the cluster's scarcest resource."""

    running: int
    fraction: float
    _: KW_ONLY
    wants_more: bool


def fair_shares(claims: Mapping[str, Claim]) -> dict[str, int]:
    """Returns how many trials each driver may run at once: the next one is always given to whoever has least.

    A driver that wants no more gets no more than it runs, and what it leaves goes to the others.
    """
    shares = dict.fromkeys(claims, 0)
    left = 1.0 + 1e-9
    while True:
        hungry = [
            name
            for name, claim in claims.items()
            if claim.fraction <= left and (claim.wants_more or shares[name] < claim.running)
        ]
        if not hungry:
            return shares
        poorest = min(hungry, key=lambda name: (shares[name] * claims[name].fraction, name))
        shares[poorest] += 1
        left -= claims[poorest].fraction


class Share:
    """A Share is what this driver claims of the cluster to which it is connected, for the length of a `with` block.

    The claim is made anew every few seconds, and given up at the end of the block. `fraction` says what one of the
    driver's trials takes of the cluster, which changes with its nodes; `most` is how many it wants at once. `ask`
    brings a claim to where all drivers' claims meet, and returns the share.
    """

    def __init__(
        self,
        driver: str,
        fraction: Callable[[], float],
        *,
        most: int | None = None,
        ask: Callable[[str, Claim], int | None] | None = None,
    ) -> None:
        self._driver, self._fraction, self._most = driver, fraction, most
        self._meeting = _Meeting()
        self._ask = ask or self._meeting.claim
        self._running, self._wants_more, self._share = 0, True, 1
        self._over = threading.Event()
        self._claiming = threading.Thread(target=self._claim_again, daemon=True)

    def __enter__(self) -> "Share":
        self.claim()  # so that others make room
        self._claiming.start()  # in a thread of its own: Tune asks for no trial while one waits for a place
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._claiming.join(PATIENCE_S)
        self._meeting.leave(self._driver)

    def allows(self, running: int) -> bool:
        """Returns whether one more trial may begin while `running` of them run. The first always may."""
        self._running = running
        return running < max(1, self._share if self._most is None else min(self._share, self._most))

    def wants(self, *, more: bool) -> None:
        """Say whether the driver would begin another trial, had it the place."""
        self._wants_more = more

    def claim(self) -> None:
        """Say what runs and is wanted, and learn the share."""
        content = not self._wants_more or (self._most is not None and self._running >= self._most)
        share = self._ask(self._driver, Claim(self._running, self._fraction(), wants_more=not content))
        self._share = self._share if share is None else share

    def _claim_again(self) -> None:
        while not self._over.wait(CLAIM_EVERY_S):
            with contextlib.suppress(Exception):  # the cluster is on its way to an end, of which others tell
                self.claim()


class _Meeting:
    """A _Meeting is the actor in which all drivers' claims meet, as one driver sees it."""

    def __init__(self) -> None:
        self._actor: Any = None

    def claim(self, driver: str, claim: Claim) -> int | None:
        try:
            if self._actor is None:
                options = {"name": NAME, "namespace": NAMESPACE, "get_if_exists": True, "num_cpus": 0}
                self._actor = ray.remote(_Shares).options(**options).remote()
            share: int = ray.get(self._actor.claim.remote(driver, claim), timeout=PATIENCE_S)
        except RayError:
            self._actor = None  # it ended with the driver that had begun it: the next claim begins another
            return None
        return share

    def leave(self, driver: str) -> None:
        if self._actor is not None:
            with contextlib.suppress(RayError):
                ray.get(self._actor.leave.remote(driver), timeout=PATIENCE_S)


class _Shares:
    """_Shares keeps the claims of all drivers, in an actor."""

    def __init__(self) -> None:
        self._claims: dict[str, tuple[Claim, float]] = {}

    def claim(self, driver: str, claim: Claim) -> int:
        """Returns the driver's share, now that it claims this."""
        now = time.monotonic()
        self._claims[driver] = claim, now
        self._claims = {name: known for name, known in self._claims.items() if now - known[1] < FORGET_AFTER_S}
        return fair_shares({name: known for name, (known, _) in self._claims.items()})[driver]

    def leave(self, driver: str) -> None:
        """Forget a driver that has ended."""
        self._claims.pop(driver, None)
