"""Models -> settings of the shapes of token requests and answers, and readers of the values in them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from gateway.config.clients.client_model import ClientModel
from gateway.config.clients.login_build import lifetime_settings, success_settings
from gateway.config.clients.shape_model import TokenAnswerModel, TokenRequestModel
from gateway.config.problems import Loc
from gateway.config.references.expand import ReferenceValues
from gateway.config.references.secret_reader import template_reader
from gateway.config.tree import Keys, Leaf, find
from gateway.config.values.pick_model import PickModel
from gateway.core.settings.client_settings import Referenced, Section
from gateway.core.settings.shape_settings import (
    USUAL_REQUEST,
    AnswerShape,
    BodyFormat,
    RequestMethod,
    RequestShape,
)
from gateway.core.settings.whereabouts import Pick
from gateway.core.text.plain_text import field_value

_PLACES: Final[dict[Section, Loc]] = {
    Section.PARAMETERS: ("parameters",),
    Section.HEADERS: ("headers",),
    Section.QUERY: ("request", "query"),
}


def request_shape(request: TokenRequestModel | None) -> RequestShape:
    """Build the shape of the token request."""
    if request is None:
        return USUAL_REQUEST
    return RequestShape(
        method=request.method or RequestMethod.POST,
        format=request.format or BodyFormat.FORM,
        query=tuple((request.query or {}).items()),
        names=tuple((request.rename or {}).items()),
        omitted=frozenset(request.omit or ()),
    )


def answer_shape(answer: TokenAnswerModel | None) -> AnswerShape | None:
    """Build the shape of the answer; None for that of RFC 6749."""
    if answer is None:
        return None
    return AnswerShape(
        token=_pick(answer.token),
        lifetime=lifetime_settings(answer.lifetime),
        token_type=_pick(answer.token_type),
        scope=_pick(answer.scope),
        success=None if answer.success is None else success_settings(answer.success),
        takes=tuple((name, pick.picks[0]) for name, pick in (answer.take or {}).items()),
    )


def _pick(pick: PickModel | None) -> Pick | None:
    return None if pick is None else pick.picks[0]


def referenced_values(
    loc: Loc, client: ClientModel, root: Keys, sources: ReferenceValues
) -> Iterator[Referenced]:
    """Yield a reader of each value of the grant that is composed of references.

    Raises:
        Wrong: a file vanished since it was read.
    """
    query = None if client.request is None else client.request.query
    for section, values in (
        (Section.PARAMETERS, client.parameters),
        (Section.HEADERS, client.headers),
        (Section.QUERY, query),
    ):
        checked: Callable[[str], str] = field_value if section is Section.HEADERS else str
        for name, loaded in (values or {}).items():
            leaf = find(root, (*loc, *_PLACES[section], name)).node
            if isinstance(leaf, Leaf) and leaf.template is not None and leaf.template.references:
                yield Referenced(section, name, loaded, template_reader(leaf.template, sources, checked))
