"""The current value of a secret, a key or an assertion.

An environment variable is read once, a file again whenever it is replaced.
"""

from __future__ import annotations

from collections.abc import Callable

from gateway.config.references.expand import ReferenceValues
from gateway.config.template import Credential, Environment, File, Reference, Template
from gateway.core.oauth.named_secret import IN_PLACE, NamedReader
from gateway.core.secret import Secret
from gateway.core.settings.client_settings import SecretReader
from gateway.core.text import plain_text
from gateway.secret_text import ComposedSecret, ConstantSecret
from gateway.system.text_file import TextFile


def constant_reader(text: str, source: str = IN_PLACE) -> SecretReader:
    """Return a reader of a secret that never changes, such as one in the configuration itself."""
    return NamedReader(ConstantSecret(Secret(text)), source)


def template_reader(
    template: Template, sources: ReferenceValues, checked: Callable[[str], str] = plain_text.text
) -> SecretReader:
    """Return a reader of a secret that is composed of references.

    `checked` validates later contents of a file, as the key's type validated the first.

    Raises:
        Wrong: a part of it cannot be read.
    """
    files = {part: TextFile(sources.path(part), checked) for part in template.files}
    source = " + ".join(_source(part, sources) for part in template.references) or IN_PLACE
    if not files:
        return constant_reader(template.fill(sources.value), source)
    parts = (
        files[part] if isinstance(part, File | Credential) else Secret(Template((part,)).fill(sources.value))
        for part in template.parts
    )
    return NamedReader(ComposedSecret(tuple(parts)), source, tuple(files.values()))


def _source(reference: Reference, sources: ReferenceValues) -> str:
    """Name a reference as it is written, without the text beside it, which may be part of the secret."""
    match reference:
        case Environment(name):
            return f"env:{name}" if sources.variable(name) else f"{IN_PLACE}: the default of env:{name}"
        case Credential(name):
            return f"credential:{name}"
        case File(path):
            return f"file:{path}"
