"""Whose certificate it is: patterns with one reading, and names that count as none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.access.certificate_names import CertificateNames, NamePatterns, Pattern, split

SHOP = "spiffe://example.org/ns/shop/sa/web"


def names(*uris, dns=(), subject=(), is_authority=False):
    return CertificateNames(uris, tuple(dns), tuple(subject), 0.0, is_authority)


URIS = {
    SHOP: (SHOP, True),
    "spiffe://example.org/ns/*/sa/web": (SHOP, True),
    "spiffe://example.org/ns/sh*p/sa/w*": (SHOP, True),
    "spiffe://example.org/ns/*": (SHOP, False),  # one segment alone
    "spiffe://example.org/ns/shop/sa/*/*": (SHOP, False),
    "spiffe://example.org/ns/shop/sa/web*": (SHOP, False),  # never nothing
    "spiffe://*/ns/shop/sa/web": (SHOP, True),
    "spiffe://EXAMPLE.org/ns/shop/sa/web": (SHOP, False),
    "spiffe://example.org/*": ("spiffe://example.org/", False),
    "spiffe://example.org/ns/*/x": ("spiffe://example.org/ns/../x", False),
}


@pytest.mark.parametrize(("pattern", "case"), URIS.items())
def test_a_star_is_a_part_of_one_segment(pattern, case):
    name, fits = case

    assert NamePatterns.of([pattern]).name_in(names(name)) == (name if fits else None)


@pytest.mark.parametrize(
    ("pattern", "name", "found"),
    [
        ("*.example.com", "a.example.com", "a.example.com"),
        ("*.EXAMPLE.com", "A.example.COM", "a.example.com"),
        ("*.example.com", "a.b.example.com", None),
        ("*.example.com", "example.com", None),
        ("*.example.com", "*.example.com", None),  # a pattern is nobody's name
        ("*.example.com", "a\0.example.com", None),
        ("*.example.com", "", None),
    ],
)
def test_dns_names_have_no_case(pattern, name, found):
    assert NamePatterns.of(dns=[pattern]).name_in(names(dns=[name])) == found


@pytest.mark.parametrize(
    ("pattern", "subject", "fits"),
    [
        ("CN=*,O=Example", ("CN=press", "O=Example"), True),
        ("CN=*, O=Example", ("CN=press", "O=Example"), True),
        ("CN=*,O=Example", ("CN=press", "OU=x", "O=Example"), False),
        ("CN=*,O=Example", ("CN=press\\,O=Example",), False),  # a comma in a value separates nothing
        ("CN=*", ("CN=press\\,O=Example",), True),
        ("CN=*,O=Example", (), False),
        ("CN=a*", ("CN=b",), False),
    ],
)
def test_a_subject_is_compared_as_a_whole(pattern, subject, fits):
    assert (NamePatterns.of(subject=[pattern]).name_in(names(subject=subject)) is not None) == fits


@pytest.mark.parametrize(
    ("certificate", "fits"),
    [
        (names(SHOP), True),
        (names(SHOP, "https://a.test"), False),
        (names("https://a.test", SHOP), False),
        (names(SHOP, is_authority=True), False),
    ],
)
def test_a_spiffe_id_stands_alone(certificate, fits):
    assert (NamePatterns.of([SHOP, "https://a.test"]).name_in(certificate) is not None) == fits


def test_other_uris_may_be_several():
    assert (
        NamePatterns.of(["https://b.test"]).name_in(names("https://a.test", "https://b.test"))
        == "https://b.test"
    )


def test_of_each_kind_one_must_fit():
    patterns = NamePatterns.of(["https://*.test"], ["a.test", "b.test"])

    assert patterns.name_in(names("https://a.test", dns=["b.test"])) == "https://a.test"
    assert patterns.name_in(names("https://a.test", dns=["c.test"])) is None
    assert patterns.name_in(names(dns=["a.test"])) is None


@pytest.mark.parametrize("text", ["", "a/**", "a/*b*/c"])
def test_a_pattern_has_one_reading(text):
    with pytest.raises(ValueError, match="pattern"):
        Pattern.of(text, "/")


@given(st.lists(st.text("abc", min_size=1), min_size=1, max_size=5), st.sampled_from("/."))
def test_a_name_fits_itself(parts, separator):
    name = separator.join(parts)

    assert Pattern.of(name, separator).fits(split(name, separator))


@given(st.text("a*/", max_size=12), st.text("a/", max_size=12))
def test_what_fits_has_as_many_segments(pattern, name):
    try:
        read = Pattern.of(pattern, "/")
    except ValueError:
        return
    if read.fits(split(name, "/")):
        assert pattern.count("/") == name.count("/")
