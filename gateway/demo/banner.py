"""What `gateway demo` prints first: who takes part, and commands to paste."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cast:
    """The URLs of all servers, without a final slash, the lifetime of a token, and the configuration file."""

    gateway: str
    admin: str
    authorization_server: str
    legacy_service: str
    lifetime_s: int
    configuration: str


def banner(cast: Cast) -> str:
    """Return the text, with commands that are ready to paste."""
    call = f"curl -i '{cast.gateway}/crm/users?client=mobile_android'"
    return f"""
The gateway               {cast.gateway}   in front of
the legacy service        {cast.legacy_service}   which requires a token, issued by
the authorization server  {cast.authorization_server}   where a token lives for {cast.lifetime_s} s.
The gateway's configuration is {cast.configuration}

Paste into another terminal, and watch what happens here:

1. How many users reach the API through the client mobile_android? You send no token.
     {call}
   Again at once: the token is reused. Keep calling: it is refreshed early, and nobody waits.

2. After expiry: wait {2 * cast.lifetime_s} s, then call. A new token is requested first.
     sleep {2 * cast.lifetime_s}; {call}

3. Revoke the token behind the gateway's back. The upstream refuses it; the request is replayed.
     curl -X POST {cast.authorization_server}/revoke-all; {call}
   The same with a body, byte for byte (the gateway requests one token a second at most, so this may wait):
     curl -X POST {cast.authorization_server}/revoke-all
     curl -i -d 'two of them' {cast.gateway}/crm/orders

4. Stop the authorization server, and revoke. The response says whose fault it is: 503, problem+json.
     curl -X POST {cast.authorization_server}/down; curl -X POST {cast.authorization_server}/revoke-all
     {call}
     curl -X POST {cast.authorization_server}/up
   A few seconds later calls succeed again: a failing authorization server is not asked all the time.

5. Without the gateway, the legacy service refuses the call: 401.
     curl -i '{cast.legacy_service}/occ/v2/users?client=mobile_android'

6. The state of the gateway's clients, and its metrics.
     curl {cast.admin}/clients
     curl {cast.admin}/metrics

Ctrl-C ends it.

"""
