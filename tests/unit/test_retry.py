"""Retry policies: their wire form and their delays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidemill.engine.retry import MAX_DELAY_S, Constant, Exponential, RetryPolicy, delay_s, parse
from tidemill.model.errors import BadRequest


def test_constant_repeats_come_first_then_exponential_ones() -> None:
    policy = RetryPolicy(Constant(2, 10), Exponential(3, multiplier=2, seconds=3))
    assert [delay_s(policy, n, random=0.5) for n in range(6)] == [10, 10, 6, 18, 54, None]
    assert policy.attempts == 5


def test_the_random_factor_spreads_around_the_delay() -> None:
    policy = RetryPolicy(exponential=Exponential(1, multiplier=1, seconds=100, random_factor=20))
    assert [delay_s(policy, 0, random=random) for random in (0.0, 0.5)] == [80, 100]
    assert delay_s(policy, 0, random=0.75) == pytest.approx(110)


@given(
    policy=st.builds(
        RetryPolicy,
        st.none() | st.builds(Constant, st.integers(0, 1000), st.integers(0, 10**7)),
        st.none() | st.builds(Exponential, st.integers(0, 1000), *[st.integers(0, 10**7)] * 2, st.integers(0, 100)),
    ),
    retries=st.integers(0, 2000),
    random=st.floats(0, 1, exclude_max=True),
)
def test_delays_are_bounded_and_end(policy: RetryPolicy, retries: int, random: float) -> None:
    delay = delay_s(policy, retries, random=random)
    assert (delay is None) == (retries >= policy.attempts)
    assert delay is None or 0 <= delay <= MAX_DELAY_S


def test_the_wire_form_is_parsed() -> None:
    assert parse({"constant": {"attempts": 3, "seconds": 10}}) == RetryPolicy(Constant(3, 10))
    wire = {"constant": None, "exponential": {"attempts": 2, "multiplier": 1, "seconds": 5, "random_factor": None}}
    assert parse(wire) == RetryPolicy(exponential=Exponential(2, 1, 5))
    assert parse(None) is None
    assert parse({}) is None
    assert parse({"constant": {"attempts": 0, "seconds": 1}}) is None


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ([], "retry must be an object"),
        ("3", "retry must be an object"),
        ({"linear": {}}, "'linear'"),
        ({"retry_if": {"expr": "true"}}, "'retry_if'"),
        ({"constant": 3}, "retry.constant must be an object"),
        ({"constant": {"attempts": -1}}, "retry.constant.attempts"),
        ({"constant": {"attempts": True}}, "retry.constant.attempts"),
        ({"constant": {"attempts": 1.5}}, "retry.constant.attempts"),
        ({"constant": {"attempts": 1, "seconds": "1"}}, "retry.constant.seconds"),
        ({"exponential": {"attempts": 1, "random_factor": 101}}, "retry.exponential.random_factor"),
        ({"constant": {"attempts": 600}, "exponential": {"attempts": 600}}, "at most 1000"),
    ],
)
def test_a_malformed_policy_is_refused_by_name(value: object, says: str) -> None:
    with pytest.raises(BadRequest) as caught:
        parse(value)
    assert says in str(caught.value)
