"""Which of a client's secrets is taken: tables over what happened before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.secret import Secret
from gateway.core.settings.client_settings import ClientName, ClientSettings
from gateway.oauth.secret_choice import SecretChoice
from tests.oauth.fakes import client_settings


def client(count: int, name: str = "crm") -> ClientSettings:
    settings = client_settings(credentials=tuple(lambda: Secret("s") for _ in range(count)))
    grant = settings.grant
    return client_settings(
        grant=type(grant)(ClientName(name), grant.token_endpoint, grant.client_id, grant.method),
        credentials=settings.credentials,
    )


@pytest.mark.parametrize(("count", "order"), [(1, (0,)), (2, (0, 1)), (3, (0, 1)), (9, (0, 1))])
def test_at_first_the_first_is_tried_and_then_the_second(count: int, order: tuple[int, ...]):
    assert SecretChoice().order(client(count)) == order


@pytest.mark.parametrize(
    ("count", "worked", "order"), [(1, 0, (0,)), (2, 1, (1, 0)), (3, 1, (1, 2)), (3, 2, (2, 0))]
)
def test_the_one_that_worked_is_tried_first_and_after_the_last_comes_the_first(
    count: int, worked: int, order: tuple[int, ...]
):
    choice = SecretChoice()
    choice.took(client(count), worked)
    assert choice.order(client(count)) == order
    assert choice.in_use(client(count)) == worked


def test_it_is_told_whether_another_one_worked_before():
    choice = SecretChoice()
    assert [choice.took(client(3), number) for number in (0, 1, 1, 0, 2)] == [False, True, False, True, True]


def test_that_the_first_never_worked_does_not_matter():
    assert SecretChoice().took(client(2), 1)


def test_a_refusal_moves_on_and_is_no_switch():
    choice = SecretChoice()
    choice.refused(client(3), 1)
    assert choice.order(client(3)) == (1, 2)
    assert not choice.took(client(3), 0)


def test_each_client_has_a_choice_of_its_own():
    choice = SecretChoice()
    choice.took(client(2, "erp"), 1)
    assert choice.order(client(2)) == (0, 1)


@given(st.integers(1, 5), st.lists(st.booleans()))
def test_whatever_is_refused_every_secret_is_reached_in_time(count: int, answers: list[bool]):
    """And no question tries more than two, or one twice."""
    choice, settings = SecretChoice(), client(count)
    for is_taken in answers:
        order = choice.order(settings)
        (choice.took if is_taken else choice.refused)(settings, order[-1])
    reached: set[int] = set()
    for _ in range(count):
        order = choice.order(settings)
        assert len(order) == len(set(order)) <= 2
        assert all(0 <= number < count for number in order)
        reached.update(order)
        choice.refused(settings, order[-1])
    assert reached == set(range(count))
