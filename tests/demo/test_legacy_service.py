from hashlib import sha256

import aiohttp
import pytest

from gateway.demo.legacy_service import CHUNK_BYTES, LegacyService
from gateway.demo.tokens import Issued
from gateway.demo.users import CLIENTS_BY_USER


class OneToken:
    """Knows `good` and nothing else."""

    def check(self, token):
        return Issued(7, "mobile_ios", "", "legacy", 0.0, 1.0) if token == "good" else None


@pytest.fixture
async def service():
    async with LegacyService(OneToken()) as running:
        yield running


@pytest.fixture
async def session():
    async with aiohttp.ClientSession() as opened:
        yield opened


GOOD = {"Authorization": "Bearer good"}


@pytest.mark.parametrize("prefix", ["", "/occ/v2", "/legacy-bare"])
async def test_it_tells_how_many_users_a_client_has(service, session, prefix):
    async with session.get(f"{service.url}{prefix}/users?client=mobile_android", headers=GOOD) as answer:
        told = await answer.json()

    expected = len([user for user, clients in CLIENTS_BY_USER.items() if "mobile_android" in clients])
    assert {
        "client": "mobile_android",
        "users": expected,
        "token_number": 7,
        "token_client": "mobile_ios",
    } == told
    assert expected > 0


async def test_without_a_name_the_tokens_own_client_is_meant(service, session):
    async with session.get(f"{service.url}/users", headers={"Authorization": "bearer good"}) as answer:
        assert (await answer.json())["client"] == "mobile_ios"


@pytest.mark.parametrize(
    ("path", "headers", "challenge"),
    [
        ("/users", {}, 'Bearer realm="legacy"'),
        ("/users", {"Authorization": "Bearer bad"}, 'Bearer realm="legacy", error="invalid_token"'),
        ("/occ/v2/users", {"Authorization": "Basic good"}, 'Bearer realm="legacy", error="invalid_token"'),
        ("/legacy-bare/users", {}, None),
        ("/legacy-bare/users", {"Authorization": "Bearer bad"}, None),
    ],
)
async def test_without_a_valid_token_it_answers_401(service, session, path, headers, challenge):
    async with session.get(f"{service.url}{path}", headers=headers) as answer:
        assert (401, challenge) == (answer.status, answer.headers.get("WWW-Authenticate"))

    assert (service.requests, service.rejections) == (0, 1)


async def test_two_tokens_are_none(service, session):
    headers = [("Authorization", "Bearer good"), ("Authorization", "Bearer good")]
    async with session.get(f"{service.url}/users", headers=headers) as answer:
        assert answer.status == 401


async def test_an_order_is_numbered_and_hashed(service, session):
    body = bytes(range(256)) * 1024
    orders = []
    for data in (body, b""):
        async with session.post(f"{service.url}/occ/v2/orders", data=data, headers=GOOD) as answer:
            assert answer.status == 201
            orders.append(await answer.json())

    assert [(1, len(body), sha256(body).hexdigest()), (2, 0, sha256().hexdigest())] == [
        (order["order"], order["bytes"], order["sha256"]) for order in orders
    ]


async def test_header_fields_are_shown_but_not_the_token(service, session):
    async with session.get(f"{service.url}/headers", headers=GOOD | {"X-Request-ID": "1"}) as answer:
        text = await answer.text()
        fields = {name.lower(): value for name, value in (await answer.json())["headers"]}

    assert (fields["authorization"], fields["x-request-id"]) == ("Bearer (token number 7)", "1")
    assert "good" not in text


@pytest.mark.parametrize("length", [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1])
async def test_it_streams_as_many_bytes_as_asked(service, session, length):
    async with session.get(f"{service.url}/stream?bytes={length}", headers=GOOD) as answer:
        assert (str(length), length) == (answer.headers["Content-Length"], len(await answer.read()))


@pytest.mark.parametrize("text", ["", "-1", "many", "9" * 5000])
async def test_a_number_that_is_none_is_a_bad_request(service, session, text):
    async with session.get(f"{service.url}/stream?bytes={text}", headers=GOOD) as answer:
        assert answer.status == 400


async def test_one_page_is_public(service, session):
    async with session.get(f"{service.url}/") as answer:
        assert answer.status == 200
