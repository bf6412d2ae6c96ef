"""Fetches the keys of an issuer, from where its settings or its metadata say they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from gateway.access.verification_keys import VerificationKey, read_keys
from gateway.access.way import Documents
from gateway.core.access.issuer_metadata import jwks_uri_in
from gateway.core.oauth.metadata import metadata_places
from gateway.core.settings.access_settings import JwtWay

_NO_PLACE: Final = "the issuer's metadata names no jwks_uri"


class IssuerKeys:
    """A `key_set.Fetch` for one issuer."""

    def __init__(self, settings: JwtWay, documents: Documents) -> None:
        self._settings = settings
        self._documents = documents
        self._place = settings.jwks_uri

    async def __call__(self) -> Sequence[VerificationKey] | str:
        """Fetch the keys; where they are is looked up again after a failure."""
        place = self._place or await self._discovered()
        if place is None:
            return _NO_PLACE
        document = await self._documents.fetch(place, self._settings.reach)
        keys = "" if isinstance(document, str) else read_keys(document)
        self._place = self._settings.jwks_uri or (place if keys else None)
        return document if isinstance(document, str) else keys

    async def _discovered(self) -> str | None:
        settings = self._settings
        for url in metadata_places(settings.issuer):
            metadata = await self._documents.fetch(url, settings.reach)
            if isinstance(metadata, str):
                continue
            allows_insecure = settings.reach.allows_insecure
            place = jwks_uri_in(metadata, settings.issuer, allows_insecure=allows_insecure)
            if place is not None:
                return place
        return None
