"""Fair shares between drivers: closed forms, and properties over all claims."""

from hypothesis import given
from hypothesis import strategies as st

from cluster import Claim, Share, fair_shares


def hungry(running: int = 0, fraction: float = 0.25) -> Claim:
    return Claim(running, fraction, wants_more=True)


def test_one_driver_has_the_whole_cluster() -> None:
    assert fair_shares({"a": hungry()}) == {"a": 4}


def test_two_that_want_more_have_a_half_each_whoever_was_first() -> None:
    assert fair_shares({"a": hungry(running=4), "b": hungry()}) == {"a": 2, "b": 2}


def test_what_one_does_not_want_is_the_others() -> None:
    content = Claim(running=1, fraction=0.125, wants_more=False)
    assert fair_shares({"a": content, "b": hungry(fraction=0.125)}) == {"a": 1, "b": 7}


def test_no_place_stays_empty_for_fairness_alone() -> None:
    assert sum(fair_shares({name: hungry() for name in "abc"}).values()) == 4


def test_large_trials_count_by_what_they_take() -> None:
    """Dominant resource fairness: two with a half each of the cluster, one in quarters, one in halves."""
    assert fair_shares({"small": hungry(), "large": hungry(fraction=0.5)}) == {"small": 2, "large": 1}


claims = st.builds(Claim, st.integers(0, 9), st.sampled_from([1.0, 0.5, 0.25, 0.1, 1 / 3]), wants_more=st.booleans())


@given(st.dictionaries(st.text("abcdef", min_size=1, max_size=2), claims, max_size=5))
def test_shares_fit_into_the_cluster_and_nobody_who_has_less_could_have_one_more(claims: dict[str, Claim]) -> None:
    shares = fair_shares(claims)
    held = {name: shares[name] * claim.fraction for name, claim in claims.items()}
    assert sum(held.values()) <= 1 + 1e-6
    left = 1 - sum(held.values())
    for name, claim in claims.items():
        if not claim.wants_more:
            assert shares[name] <= claim.running
        elif claim.fraction <= left - 1e-6:
            raise AssertionError(f"{name} wants more, and there is room")


class Meeting:
    """Where the claims of several drivers meet, without Ray."""

    def __init__(self) -> None:
        self.claims: dict[str, Claim] = {}

    def ask(self, driver: str, claim: Claim) -> int:
        self.claims[driver] = claim
        return fair_shares(self.claims)[driver]

    def share(self, driver: str, most: int | None = None) -> Share:
        share = Share(driver, lambda: 0.25, most=most, ask=self.ask)
        share.claim()
        return share


def test_a_driver_makes_room_for_one_that_comes_later_and_waits() -> None:
    meeting = Meeting()
    first = meeting.share("first")
    assert [first.allows(running) for running in (0, 3, 4)] == [True, True, False]
    second = meeting.share("second")
    first.claim()  # as it does every few seconds
    assert [first.allows(running) for running in (1, 2, 3)] == [True, False, False]
    assert second.allows(1)


def test_a_driver_that_waits_for_its_batch_leaves_its_places_to_the_others() -> None:
    meeting = Meeting()
    first, second = meeting.share("first"), meeting.share("second")
    first.allows(1)
    first.wants(more=False)
    first.claim()
    second.claim()
    assert second.allows(2)
    assert not second.allows(3)
    first.wants(more=True)
    first.claim()
    second.claim()
    assert not second.allows(2)


def test_a_driver_with_a_limit_of_its_own_claims_no_more() -> None:
    meeting = Meeting()
    limited, other = meeting.share("limited", most=1), meeting.share("other")
    limited.allows(1)
    limited.claim()
    other.claim()
    assert not limited.allows(1)
    assert other.allows(2)


def test_a_cluster_that_does_not_answer_leaves_the_share_as_it_was() -> None:
    share = Share("a", lambda: 0.25, ask=lambda driver, claim: 3)
    share.claim()
    share._ask = lambda driver, claim: None
    share.claim()
    assert share.allows(2)
    assert not share.allows(3)
