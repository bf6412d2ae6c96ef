"""The JSON state of clients and routes, as the admin pages show it; no secrets."""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from gateway.admin.view import MissingToken, State
from gateway.core.config_state import ConfigState
from gateway.core.http.carriage import described
from gateway.core.oauth.named_secret import SecretName, WatchedFile
from gateway.core.oauth.source_state import SourceState
from gateway.core.oauth.token_answer import missing_scope
from gateway.core.settings.carriers import USUAL
from gateway.core.settings.rewrite_settings import RewriteSettings
from gateway.core.settings.route_settings import RouteSettings, TenantSettings
from gateway.core.settings.upstream_settings import UpstreamSettings
from gateway.core.text.cut import some_of
from gateway.core.text.masking import shown_url
from gateway.observe.route_health import RouteHealth
from gateway.system.process_identity import started_ticks

MOST_SCOPES: Final = 100
"""How many are shown of what a server granted."""


def missing_token(state: SourceState) -> MissingToken:
    """Show why a client has had no token yet."""
    is_running = state.is_in_flight or not state.retry_in_s
    retry_in_s = None if is_running else round(state.retry_in_s, 1)
    return MissingToken(state.client, state.last_error or None, retry_in_s, state.is_required)


def client_state(state: SourceState, troubles: Iterable[tuple[str, WatchedFile]] = ()) -> State:
    """Show one token source; `troubles` are files that cannot be used, with the keys that name them."""
    token, facts = state.token, state.facts
    shown: dict[str, object] = {
        "client": state.client,
        "issuer": facts.issuer,
        "token_endpoint": shown_url(facts.token_endpoint) if facts.token_endpoint else None,
        "token_endpoint_auth_method": facts.method,
        "secret": facts.secret,
        "secrets": facts.secrets,
        "secret_in_use": None if facts.accepted is None else _secret(facts.accepted),
        "secret_sources": [_secret(name) for name in facts.names],
        "metadata_objections": list(facts.objections),
        "scope": " ".join(facts.asked_scope),
        "required": state.is_required,
        "is_ready": state.has_had_token,
        "has_token": token is not None,
        "is_requesting": state.is_in_flight,
        "token_requests": {name: getattr(state.requests, name) for name in state.requests.__slots__},
        "last_error": state.last_error or None,
        "last_error_code": state.last_code or None,
        "last_reason": state.last_reason or None,
        "last_side": state.last_side or None,
        "last_cause": state.last_cause or None,
        "last_key": state.last_key or None,
        "retry_in_s": round(state.retry_in_s, 1),
        "file_troubles": [
            {"key": key, "side": "gateway", "cause": "file_unusable", "reason": f"{file.path} {file.trouble}"}
            for key, file in troubles
            if key.startswith(f"clients.{state.client}.")
        ],
        "token": None,
    }
    if token is not None:
        shown["token"] = {
            "fingerprint": token.fingerprint,
            "serial": token.serial,
            "age_s": round(token.age_s, 1),
            "expires_in_s": round(token.expires_in_s, 1),
            "scope": some_of(token.granted_scope, " ", MOST_SCOPES),
            "missing_scope": " ".join(missing_scope(facts.asked_scope, token.granted_scope)),
            "is_bound": token.is_bound,
            "is_suspect": token.is_suspect,
        }
    return shown


def _secret(name: SecretName) -> State:
    return {"number": name.number, "source": name.source, "as_of": name.as_of or None}


def _last_error(health: RouteHealth | None) -> State | None:
    if health is None or health.last is None:
        return None
    last = health.last
    return {
        "error": last.code,
        "side": last.side.value,
        "cause": last.cause_word,
        "key": last.key,
        "reason": last.reason,
        "failures": health.failures,
        "age_s": round(health.age_s, 1),
        "is_over": not health.is_troubled,
    }


def url_of(upstream: UpstreamSettings) -> str:
    """Return the URL of an upstream as the file has it, without its path."""
    if upstream.socket_path:
        return f"unix:{upstream.socket_path}"
    return f"{upstream.scheme.value}://{upstream.authority}"


def route_state(route: RouteSettings, health: RouteHealth | None = None) -> State:
    """Show one route."""
    return {
        "route": route.name,
        "host": route.host,
        "path": route.path,
        "methods": sorted(route.methods) if route.methods is not None else None,
        "upstream": url_of(route.upstream) + route.base_path if route.group is None else route.group.name,
        **({"instances": [*map(str, route.instances.allowed)]} if route.instances is not None else {}),
        **({"proxy": str(route.upstream.proxy)} if route.upstream.proxy is not None else {}),
        "strip_prefix": route.strips_prefix,
        "client": route.grant.client if route.grant is not None else None,
        **({"tenants": _tenants(route.tenants)} if route.tenants is not None else {}),
        "scope": " ".join(route.grant.scope) if route.grant is not None else None,
        **({} if route.send == USUAL else {"send": [*map(described, route.send)]}),
        "authorization": route.authorization.value,
        "recover_on": [*sorted(route.recover_on), *map(str, route.refusal_signs)],
        "rewrite": _rewrite(route.rewrite),
        "last_error": _last_error(health),
    }


def _rewrite(rewrite: RewriteSettings) -> State:
    return {
        "location": rewrite.location,
        "cookie_path": rewrite.cookie_path,
        "cookie_domain": rewrite.cookie_domain.value,
    }


def _tenants(tenants: TenantSettings) -> State:
    clients = {value: route.grant.client for value, route in tenants.routes if route.grant is not None}
    default = tenants.default.grant if tenants.default is not None else None
    return {"by": tenants.by, "clients": clients, "default": default.client if default is not None else None}


def config_state(state: ConfigState, generations: int, pid: int = 0) -> State:
    """Return what ``/config`` shows; `pid` is the process to be signalled, 0: this one."""
    pid = pid or os.getpid()
    return {
        "sha256": state.sha256 or None,
        "loaded_at": _instant(state.loaded_at_s),
        "generations": generations,
        "reloads": state.attempts,
        "reloads_asked": state.asks,
        "is_reloading": state.is_reloading,
        "last_reload": None
        if state.attempted_at_s is None
        else {
            "at": _instant(state.attempted_at_s),
            "is_successful": state.is_well,
            "exit_status": state.status,
            "problems": list(state.problems),
            "warnings": list(state.warnings),
        },
        "pid": pid,
        "started_ticks": started_ticks(pid),
    }


def _instant(wall_s: float) -> str:
    return datetime.fromtimestamp(wall_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
