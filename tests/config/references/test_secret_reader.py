from __future__ import annotations

from gateway.config.references.expand import ReferenceValues
from gateway.config.references.secret_reader import constant_reader, template_reader
from gateway.config.template import read_template
from gateway.core.oauth.named_secret import NamedReader
from gateway.core.settings.client_settings import ClientName
from tests.config.documents import CLIENT, ROUTE, load_text


def test_a_secret_of_the_environment_is_read_once():
    environ = {"A": "one"}
    read = template_reader(read_template("${env:A}"), ReferenceValues(environ, None))  # type: ignore[arg-type]
    environ["A"] = "two"
    assert read().reveal() == "one"


def test_a_secret_of_a_file_follows_the_file(tmp_path):
    (tmp_path / "secret").write_text("one\n")
    read = template_reader(read_template("${file:secret}"), ReferenceValues({}, tmp_path))
    assert read().reveal() == "one"
    (tmp_path / "secret").write_text("second\n")
    assert read().reveal() == "second"
    (tmp_path / "secret").unlink()
    assert read().reveal() == "second"


def test_a_secret_may_be_put_together(tmp_path):
    (tmp_path / "f").write_text("file")
    environ = {"A": "env"}
    read = template_reader(read_template("a-${env:A}-${file:f}-$${b}"), ReferenceValues(environ, tmp_path))
    environ.clear()
    assert read().reveal() == "a-env-file-${b}"
    (tmp_path / "f").write_text("other file")
    assert read().reveal() == "a-env-other file-${b}"


def test_a_secret_that_came_from_a_default_says_that_it_is_in_the_configuration():
    template = read_template("${env:A:-hunter2}${env:B}")
    sources = [ReferenceValues(environ, None) for environ in ({"B": "b"}, {"A": "a", "B": "b"})]  # type: ignore[arg-type]
    default, variable = (template_reader(template, each) for each in sources)

    assert [read().reveal() for read in (default, variable)] == ["hunter2b", "ab"]
    assert isinstance(default, NamedReader) and isinstance(variable, NamedReader)
    assert default.source == "gateway.yaml: the default of env:A + env:B"
    assert variable.source == "env:A + env:B"
    assert (default.is_in_place, variable.is_in_place) == (True, False)
    assert "hunter2" not in repr(default)


def test_a_constant_is_always_itself():
    read = constant_reader("a")
    assert read() is read()
    assert read().reveal() == "a"


def test_the_settings_of_a_client_hold_such_a_reader(tmp_path):
    path = tmp_path / "secret"
    path.write_text("one")
    text = f"clients: {{a: {CLIENT.replace('${env:SECRET}', f'${{file:{path}}}')}}}\n{ROUTE}"
    client = load_text(text).clients[ClientName("a")]
    path.write_text("second")
    assert client.credentials[0]().reveal() == "second"
