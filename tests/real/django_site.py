"""Django's own admin, as a program: the site of `python -m tests.real.django_site FOLDER PORT`.

Nothing of it is written here but its settings: the login form, the sessions and the CSRF checks are Django's.
Who uses this skips where Django is not installed.
"""
# ruff: noqa: PLC0415 - Django's modules want its settings first

from __future__ import annotations

import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest

from tests.real.programs import free_port, running

USER = "gateway"
PASSWORD = "p@ss w&rd+%é"


class DjangoAdmin:
    """A running site.

    Attributes:
        url: where it is.
    """

    def __init__(self, folder: Path, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self._database = folder / "site.sqlite3"

    def _run(self, statement: str) -> list[tuple[object, ...]]:
        with closing(sqlite3.connect(self._database, timeout=20.0)) as database, database:
            return list(database.execute(statement))

    def end_sessions(self) -> int:
        """Delete all sessions, as an operator would; return how many there were."""
        (count,) = self._run("SELECT count(*) FROM django_session")[0]
        self._run("DELETE FROM django_session")
        return int(str(count))

    def sessions(self) -> int:
        return int(str(self._run("SELECT count(*) FROM django_session")[0][0]))

    def groups(self) -> list[str]:
        return [str(name) for (name,) in self._run("SELECT name FROM auth_group ORDER BY id")]


@asynccontextmanager
async def django_admin(folder: Path) -> AsyncIterator[DjangoAdmin]:
    """Run the site while the context lasts."""
    pytest.importorskip("django", reason="Django is not installed (pip install django)")
    port = free_port()
    async with running(
        [sys.executable, "-m", "tests.real.django_site", folder, str(port)], folder / "log", port
    ):
        yield DjangoAdmin(folder, port)


def _serve(folder: Path, port: int) -> None:
    import django
    from django.conf import settings
    from django.core.management import call_command
    from django.core.servers.basehttp import run
    from django.urls import path

    contrib = ("admin", "auth", "contenttypes", "sessions", "messages")
    middleware = ("sessions.middleware.SessionMiddleware", "auth.middleware.AuthenticationMiddleware")
    settings.configure(
        ALLOWED_HOSTS=["*"],
        AUTH_PASSWORD_VALIDATORS=[],
        PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": folder / "site.sqlite3"}},
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        INSTALLED_APPS=[f"django.contrib.{name}" for name in contrib],
        MIDDLEWARE=[
            "django.middleware.csrf.CsrfViewMiddleware",
            *(f"django.contrib.{name}" for name in middleware),
            "django.contrib.messages.middleware.MessageMiddleware",
        ],
        ROOT_URLCONF="tests.real.django_urls",
        SECRET_KEY="for tests alone",
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "APP_DIRS": True,
                "OPTIONS": {
                    "context_processors": [
                        "django.template.context_processors.request",
                        "django.contrib.auth.context_processors.auth",
                        "django.contrib.messages.context_processors.messages",
                    ]
                },
            }
        ],
        USE_TZ=True,
    )
    django.setup()
    call_command("migrate", verbosity=0)
    from django.contrib import admin
    from django.contrib.auth.models import User
    from django.core.wsgi import get_wsgi_application

    User.objects.create_superuser(USER, password=PASSWORD)
    urls = type(sys)("tests.real.django_urls")
    urls.urlpatterns = [path("admin/", admin.site.urls)]  # type: ignore[attr-defined]
    sys.modules["tests.real.django_urls"] = urls
    run("127.0.0.1", port, get_wsgi_application(), threading=True)


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), int(sys.argv[2]))
