"""What `gateway demo` prints first: the cast, and what to paste."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cast:
    """Where everybody is reached (URLs without a final slash), how long a token lives, which file is read."""

    gateway: str
    admin: str
    authorization_server: str
    legacy_service: str
    lifetime_s: int
    configuration: str


def banner(cast: Cast) -> str:
    """Give the text, ready to paste from."""
    call = f"curl -i '{cast.gateway}/crm/users?client=mobile_android'"
    return f"""
The gateway               {cast.gateway}   in front of
the legacy service        {cast.legacy_service}   which demands a token, given by
the authorization server  {cast.authorization_server}   where a token lives {cast.lifetime_s} s here.
The gateway's configuration is {cast.configuration}

Paste into another terminal, and watch what happens here:

1. How many users reach the API through the client mobile_android? No token is sent by you.
     {call}
   Again at once: the token is reused. Keep calling: it is refreshed early, and nobody waits.

2. After expiry: leave it alone for {2 * cast.lifetime_s} s, then call. A new token is requested first.
     sleep {2 * cast.lifetime_s}; {call}

3. Revoke the token behind the gateway's back. The upstream refuses it; the request is replayed.
     curl -X POST {cast.authorization_server}/revoke-all; {call}
   The same with a body, byte for byte (tokens are requested once a second at most, so it may wait):
     curl -X POST {cast.authorization_server}/revoke-all
     curl -i -d 'two of them' {cast.gateway}/crm/orders

4. Stop the authorization server, and revoke. You are told whose fault it is: 503, problem+json.
     curl -X POST {cast.authorization_server}/down; curl -X POST {cast.authorization_server}/revoke-all
     {call}
     curl -X POST {cast.authorization_server}/up
   A few seconds later all is well again: a sick authorization server is not asked all the time.

5. Without the gateway, the legacy service refuses you: 401.
     curl -i '{cast.legacy_service}/occ/v2/users?client=mobile_android'

6. What the gateway knows of its clients, and what it counts.
     curl {cast.admin}/clients
     curl {cast.admin}/metrics

Ctrl-C ends it.

"""
