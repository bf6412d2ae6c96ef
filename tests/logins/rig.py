"""The whole gateway from a `gateway.yaml`, between a legacy system and raw callers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from gateway.core.settings.all_settings import LogSettings, Settings
from gateway.core.settings.listener_settings import ListenerSettings
from tests.config.documents import load_text
from tests.wire.rig import LOOPBACK, Rig
from tests.wire.servers import FakeServer, Script

PASSWORD = 'pass w&rd="2" é'
KEY = "key-of-41-visible-characters~!@#$%^&*()_+"
ENVIRON = {"PASSWORD": PASSWORD, "PASSWORD_IN_ASCII": KEY}


class LoginRig(Rig):
    """A rig whose configuration is text: ``{login}`` and ``{upstream}`` stand for its servers' URLs."""

    def __init__(
        self,
        text: str,
        logins: Script,
        upstream: Script,
        *,
        is_warm: bool = True,
        environ: Mapping[str, str] = ENVIRON,
        **settings,
    ) -> None:
        super().__init__(upstream, is_warm=is_warm, **settings)
        self._environ = environ
        self.authorization_server = FakeServer(logins)
        self._text = text

    @property
    def logins(self) -> FakeServer:
        return self.authorization_server

    def _all_settings(self) -> Settings:
        text = self._text.replace("{login}", f"http://127.0.0.1:{self.authorization_server.port}")
        settings = load_text(
            text.replace("{upstream}", f"http://127.0.0.1:{self.upstream.port}"), self._environ
        )
        routes = tuple(replace(route, refuses_foreign_pages=False) for route in settings.routes)
        known = {
            "routes": routes,
            "listeners": (ListenerSettings(LOOPBACK),),
            "admin": None,
            "log": LogSettings(access=None),
            "grace_s": 0.0,
        }
        return replace(settings, **(known | self._settings))
