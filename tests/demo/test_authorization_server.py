import aiohttp
import pytest

from gateway.core.oauth.metadata import ServerMetadata, metadata_places, read_metadata
from gateway.core.oauth.server_answer import ServerAnswer
from gateway.core.secret import Secret
from gateway.demo.authorization_server import AuthorizationServerSettings, DemoAuthorizationServer
from gateway.demo.registrations import Registration
from gateway.demo.tokens import TokenFormat

BASIC = aiohttp.encode_basic_auth("crm", "s3cret")
GRANT = {"grant_type": "client_credentials"}
CLIENTS = (Registration("crm", Secret("s3cret"), frozenset({"read", "write"})),)


@pytest.fixture(params=list(TokenFormat))
async def server(request):
    async with DemoAuthorizationServer(AuthorizationServerSettings(CLIENTS, request.param)) as running:
        yield running


@pytest.fixture
async def session():
    async with aiohttp.ClientSession() as opened:
        yield opened


async def asked(session, server, form=GRANT, auth=BASIC):
    headers = {"Authorization": auth} if auth else {}
    async with session.post(server.token_endpoint, data=form, headers=headers) as answer:
        return answer.status, answer.headers, await answer.json()


async def test_a_token_is_given_as_rfc_6749_section_5_1_asks(server, session):
    status, headers, answer = await asked(session, server)
    token = answer.pop("access_token")

    assert (status, answer) == (200, {"token_type": "Bearer", "expires_in": 300})
    assert (
        headers["Cache-Control"],
        headers["Content-Type"].partition(";")[0],
    ) == ("no-store", "application/json")
    assert server.book.check(token).client_id == "crm"


async def test_credentials_may_stand_in_the_body(server, session):
    status, _, answer = await asked(
        session, server, GRANT | {"client_id": "crm", "client_secret": "s3cret"}, None
    )

    assert (status, server.book.check(answer["access_token"]).client_id) == (200, "crm")


async def test_what_was_asked_for_comes_back(server, session):
    form = GRANT | {"scope": "read", "audience": "https://api.example.com", "demo_lifetime": "2"}
    _, _, answer = await asked(session, server, form)
    issued = server.book.check(answer["access_token"])

    assert (answer["scope"], answer["expires_in"]) == ("read", 2)
    assert (issued.scope, issued.audience) == ("read", "https://api.example.com")
    assert issued.expires_at_s - issued.issued_at_s == 2.0


@pytest.mark.parametrize(
    ("form", "auth", "status", "error"),
    [
        (GRANT, None, 401, "invalid_client"),
        (GRANT, aiohttp.encode_basic_auth("crm", "wrong"), 401, "invalid_client"),
        (GRANT | {"client_id": "crm", "client_secret": "s3cret"}, BASIC, 400, "invalid_request"),
        ({"scope": "read"}, BASIC, 400, "invalid_request"),
        ({"grant_type": "password"}, BASIC, 400, "unsupported_grant_type"),
        (GRANT | {"scope": "read everything"}, BASIC, 400, "invalid_scope"),
        (GRANT | {"demo_lifetime": "0"}, BASIC, 400, "invalid_request"),
        (GRANT | {"demo_lifetime": "9" * 5000}, BASIC, 400, "invalid_request"),
        (GRANT | {"demo_lifetime": "soon"}, BASIC, 400, "invalid_request"),
    ],
)
async def test_errors_are_those_of_rfc_6749_section_5_2(server, session, form, auth, status, error):
    answered, headers, answer = await asked(session, server, form, auth)

    assert (status, error) == (answered, answer["error"])
    assert headers["Cache-Control"] == "no-store"
    assert (status == 401) == headers.get("WWW-Authenticate", "").startswith("Basic ")
    assert "access_token" not in answer
    assert {error: 1} == server.counters.refused


async def test_the_lifetime_may_be_changed_while_it_runs(server, session):
    server.lifetime_s = 5
    _, _, answer = await asked(session, server)

    assert answer["expires_in"] == 5


async def test_every_token_is_taken_back_at_once(server, session):
    _, _, answer = await asked(session, server)
    async with session.post(f"{server.url}/revoke-all") as revoked:
        assert await revoked.json() == {"revoked": 1}

    assert server.book.check(answer["access_token"]) is None


async def test_it_goes_down_and_comes_up_again(server, session):
    statuses = []
    for path in ("down", "up"):
        async with session.post(f"{server.url}/{path}"):
            pass
        statuses.append((await asked(session, server))[0])

    assert statuses == [503, 200]
    async with session.get(f"{server.url}/") as state:
        assert await state.json() == {
            "requests": 2,
            "issued": 1,
            "refused": {},
            "unavailable": 1,
            "down": False,
            "lifetime_s": 300,
        }


async def test_the_key_is_published(server, session):
    async with session.get(f"{server.url}/jwks.json") as answer:
        keys = (await answer.json())["keys"]

    _, _, granted = await asked(session, server)
    assert (granted["access_token"].count(".") == 2) == bool(keys)


async def test_tokens_are_requested_by_post_only(server, session):
    async with session.get(server.token_endpoint) as answer:
        assert answer.status == 405


async def test_what_it_says_of_itself_is_metadata_of_rfc_8414_that_the_gateway_takes(server, session):
    [place, _] = metadata_places(server.url)
    async with session.get(place) as answer:
        found = read_metadata(
            ServerAnswer(answer.status, {}, await answer.read()), server.url, 0.0, allows_insecure=False
        )

    assert isinstance(found, ServerMetadata)
    assert (found.issuer, found.token_endpoint) == (server.url, server.token_endpoint)
    assert found.auth_methods == ("client_secret_basic", "client_secret_post")
