"""A client secret as it is now: what the environment says once, what a file says whenever it is replaced."""

from __future__ import annotations

from gateway.config.expand import Sources
from gateway.config.template import File, Reference, Template
from gateway.config.text_file import TextFile
from gateway.core.secret import Secret
from gateway.core.settings import SecretReader


def constant_reader(text: str) -> SecretReader:
    """Prepare the reading of a secret that stands in the configuration itself."""
    secret = Secret(text)
    return lambda: secret


def template_reader(template: Template, sources: Sources) -> SecretReader:
    """Prepare the reading of a secret that is put together from references.

    Raises:
        Wrong: a part of it is not to be had.
    """
    files = {part: TextFile(sources.folder / part.path) for part in template.files}
    if not files:
        return constant_reader(template.fill(sources.value))
    fixed = {part: sources.value(part) for part in template.references if not isinstance(part, File)}

    def look_up(reference: Reference) -> str:
        return files[reference].current() if isinstance(reference, File) else fixed[reference]

    return lambda: Secret(template.fill(look_up))
