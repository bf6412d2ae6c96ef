"""Whether a login step has succeeded, and whose fault it is if not.

Rules:

- Without a ``success`` that says otherwise, only the 2xx class is success. A redirect may lead to the login
  page, so it must be expected.
- 408, 429 and 5xx pass by themselves, unless ``success`` expects them. 404, 405 and 410 are about the URL.
- Any other answer that is no success is a refusal: servers that know no standard answer a wrong password with
  200 and a page, with a redirect, with 400 or 422. After a refusal the pauses are long, which saves the
  account from being locked.
- A redirect leads to a place by its path alone: neither its server nor its query counts.
- No clause contains foreign text.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final
from urllib.parse import urljoin, urlsplit

from gateway.core.oauth.picks import NotMet
from gateway.core.oauth.server_answer import ServerAnswer, is_transient_status
from gateway.core.oauth.token_outcome import FailureKind
from gateway.core.settings.login_settings import LoginSuccess
from gateway.core.text.json_object import read_json

_ABOUT_URL: Final = frozenset((404, 405, 410))


def objection_to(success: LoginSuccess, answer: ServerAnswer) -> tuple[FailureKind | None, str]:
    """Return why an answer is no success: whose fault that is, and a clause; None and nothing if it is."""
    status = answer.status
    is_expected = 200 <= status < 300 if success.statuses is None else status in success.statuses
    if not is_expected:
        return _kind_of(status), f"answered {status}"
    objection = next(_objections(success, answer), "")
    return (FailureKind.REFUSED, f"answered {status}, but {objection}") if objection else (None, "")


def unmet(success: LoginSuccess, answer: ServerAnswer) -> tuple[NotMet, ...]:
    """Return what of an answer in JSON is not as expected, for the doctor alone."""
    document = read_json(answer.body) if success.json else None
    if document is None:
        return ()
    objections = (condition.objection(document.value) for condition in success.json)
    return tuple(NotMet(objection) for objection in objections if objection is not None)


def _kind_of(status: int) -> FailureKind:
    if is_transient_status(status):
        return FailureKind.UNREACHABLE
    return FailureKind.INVALID if status in _ABOUT_URL else FailureKind.REFUSED


def _objections(success: LoginSuccess, answer: ServerAnswer) -> Iterator[str]:
    media_type = answer.header("content-type").partition(";")[0].strip().lower()
    if success.content_type and media_type != success.content_type.lower():
        yield f"the content type is not {success.content_type}"
    if success.location and not leads_to(success.location, answer.header("location")):
        yield "the redirect leads elsewhere"
    for name, value in success.fields:
        if answer.header(name.lower()).strip() != value:
            yield f"the header field {name} is not as expected"
    document = read_json(answer.body) if success.json else None
    if success.json and document is None:
        yield "the body is not JSON"
    for condition in success.json if document is not None else ():
        if not condition.holds(document.value if document is not None else None):
            yield f"{condition.pointer} is not as expected"


def leads_to(place: str, location: str) -> bool:
    """Whether a redirect leads to a path, or below it, or to what begins so (``*``); ``/`` is only itself."""
    try:
        there = urlsplit(urljoin("/", location)).path or "/"
    except ValueError:
        return False
    if not location or place.endswith("*"):
        return bool(location) and there.startswith(place[:-1])
    return there == place or (place != "/" and there.startswith(place.removesuffix("/") + "/"))
