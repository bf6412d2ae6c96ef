"""The types of keys: which reader pydantic calls, and what JSON Schema says about them."""

from __future__ import annotations

from enum import Enum
from functools import partial
from typing import Annotated, Final

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    JsonValue,
    PlainValidator,
    WithJsonSchema,
)

from gateway.config.problems import Wrong, any_of
from gateway.config.values import hosts, names, patterns, times, units, urls
from gateway.config.values.filled import reader_of_filled, unquoted
from gateway.config.values.instance_patterns import instance_pattern
from gateway.core.settings import hours
from gateway.core.settings.access_settings import LimitKey
from gateway.core.settings.all_settings import LogFormat, ReloadTrigger
from gateway.core.settings.client_settings import AuthMethod, TlsVersion, TokenType
from gateway.core.settings.forward_proxy import Exempt
from gateway.core.settings.instances import InstancePattern
from gateway.core.settings.listener_settings import Address
from gateway.core.settings.login_settings import LoginPace
from gateway.core.settings.proxies import Network
from gateway.core.settings.route_settings import CallerAuthorization
from gateway.core.settings.shape_settings import BodyFormat, OwnField, RequestMethod
from gateway.core.settings.signing_settings import CertificateHeader, SigningAlgorithm
from gateway.core.settings.sizes import MIB
from gateway.core.settings.whereabouts import LifeUnit
from gateway.core.text import plain_text
from gateway.core.text.json_condition import Presence, Scalar
from gateway.core.text.json_pointer import JsonPointer

LONGEST_ASSERTION_S: Final = 5 * 60.0
LEAST_IDENTITY_S: Final = 30.0
LONGEST_IDENTITY_S: Final = 60 * 60.0


class LogLevel(Enum):
    """The lowest level that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class ClientCertificate(Enum):
    """Whether callers must present a certificate to a listener."""

    OPTIONAL = "optional"
    REQUIRED = "required"


class JwtType(Enum):
    """Which JWTs of an issuer are access tokens."""

    ACCESS_TOKEN = "at+jwt"
    ANY = "any"


class JwtAlgorithm(Enum):
    """Signatures that anybody can verify (RFC 7518 section 3.1, RFC 8037 section 3.1)."""

    RS256 = "RS256"
    RS384 = "RS384"
    RS512 = "RS512"
    PS256 = "PS256"
    PS384 = "PS384"
    PS512 = "PS512"
    ES256 = "ES256"
    ES384 = "ES384"
    ES512 = "ES512"
    EDDSA = "EdDSA"


class OpenAccess(Enum):
    """What `access` says of a route that is for everybody."""

    ANYONE = "anyone"


def one_or_many(value: object) -> object:
    """Turn a text into a list of one."""
    return [value] if isinstance(value, str) else value


def one_or_many_numbers(value: object) -> object:
    """Turn a number into a list of one."""
    return [value] if isinstance(value, int) and not isinstance(value, bool) else value


def one_or_many_with_keys(value: object) -> object:
    """Turn a text or a mapping into a list of one; a number too, so that its message is about one address."""
    return [value] if isinstance(value, str | dict | int) else value


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _split(value: object) -> object:
    return value.split(" ") if isinstance(value, str) else value


def _few_minutes(seconds: float) -> float:
    if not 1.0 <= seconds <= LONGEST_ASSERTION_S:
        raise Wrong("expected a duration from 1s to 5m: servers refuse assertions that live longer")
    return seconds


def _short_lived(seconds: float) -> float:
    if not LEAST_IDENTITY_S <= seconds <= LONGEST_IDENTITY_S:
        raise Wrong(
            "expected a duration from 30s to 1h: longer than requests wait, short enough not to be recalled"
        )
    return seconds


def _within_a_day(seconds: float) -> float:
    if seconds > 24 * 60 * 60.0:
        raise Wrong("expected a duration of at most 24h")
    return seconds


def _without_twins(fields: dict[str, str]) -> dict[str, str]:
    if len({name.lower() for name in fields}) < len(fields):
        raise Wrong("duplicate field: names are not case-sensitive")
    return fields


def member(kind: type[Enum], value: object) -> Enum:
    """Return the member of an enumeration that has this value."""
    known = [str(word.value) for word in kind]
    if isinstance(value, str) and value in known:
        return kind(value)
    raise Wrong(f"expected {any_of(known)}")


def _word_of(kind: type[Enum]) -> tuple[PlainValidator, WithJsonSchema]:
    words = [word.value for word in kind]
    return PlainValidator(partial(member, kind)), _or_references({"enum": words})


def _or_references(schema: dict[str, object]) -> WithJsonSchema:
    return WithJsonSchema({"anyOf": [schema, {"type": "string", "pattern": patterns.REFERENCES}]})


def _pattern(syntax: str) -> dict[str, object]:
    return {"type": "string", "pattern": patterns.or_references(syntax)}


def _shown(syntax: str) -> WithJsonSchema:
    return WithJsonSchema(_pattern(syntax))


def _sized(at_most: int) -> tuple[PlainValidator, WithJsonSchema]:
    schema = {"anyOf": [_pattern(units.SIZE_PATTERN), {"type": "integer", "minimum": 1, "maximum": at_most}]}
    reader = reader_of_filled(partial(units.size_bytes, at_most=at_most))
    return PlainValidator(reader), WithJsonSchema(schema)


def whole_number(least: int, most: int) -> tuple[object, ...]:
    """Return what makes an `int` a number with bounds."""
    schema: dict[str, object] = {"type": "integer", "minimum": least, "maximum": most}
    return Field(ge=least, le=most), BeforeValidator(unquoted), _or_references(schema)


_TEXT_SCHEMA: Final = WithJsonSchema({"type": "string", "pattern": patterns.TEXT})
_ANY_TEXT: Final = WithJsonSchema({"type": "string", "pattern": f"{patterns.TEXT}|^$"})

Text = Annotated[str, AfterValidator(plain_text.text), _TEXT_SCHEMA]
Flag = Annotated[bool, BeforeValidator(unquoted), _or_references({"type": "boolean"})]
Duration = Annotated[
    float, PlainValidator(reader_of_filled(units.duration_s)), _shown(units.DURATION_PATTERN)
]
Size = Annotated[int, *_sized(units.LARGEST_BYTES)]
Workers = Annotated[
    int | None,
    PlainValidator(reader_of_filled(units.workers)),
    _or_references(
        {"anyOf": [{"enum": ["auto"]}, {"type": "integer", "minimum": 1, "maximum": units.MOST_WORKERS}]}
    ),
]
HeadSize = Annotated[int, *_sized(MIB)]

ListeningAddress = Annotated[Address, PlainValidator(hosts.listening_address), _shown(patterns.ADDRESS)]
AdminAddress = Annotated[Address | None, PlainValidator(hosts.admin_address), _shown(patterns.ADMIN)]
SocketMode = Annotated[int, PlainValidator(hosts.socket_mode), _shown(patterns.MODE)]
TrustedProxy = Annotated[
    Network | hosts.UnixPeers, PlainValidator(hosts.trusted_proxy), _shown(patterns.TRUSTED)
]
Host = Annotated[str, AfterValidator(hosts.host_pattern), _shown(patterns.HOST)]
HostName = Annotated[str, AfterValidator(hosts.host_name), _shown(patterns.HOST_NAME)]
Path = Annotated[str, AfterValidator(urls.path_prefix), _shown(patterns.PATH)]
Upstream = Annotated[urls.Upstream, PlainValidator(urls.upstream_or_group), _shown(patterns.UPSTREAM)]
Instance = Annotated[InstancePattern, PlainValidator(instance_pattern), _shown(patterns.INSTANCE)]
ServerUrl = Annotated[urls.ServerUrl, PlainValidator(urls.endpoint), _shown(patterns.ENDPOINT)]
Issuer = Annotated[urls.ServerUrl, PlainValidator(urls.issuer), _shown(patterns.ISSUER)]
Proxy = Annotated[str, PlainValidator(urls.proxy), _shown(patterns.PROXY)]
NoProxy = Annotated[Exempt, PlainValidator(hosts.exempt), _shown(patterns.EXEMPT)]
AccessLog = Annotated[str | None, PlainValidator(names.access_log), _shown(patterns.ACCESS_LOG)]

ClientKey = Annotated[str, AfterValidator(names.client_name)]
ClientSecrets = Annotated[
    list[Text], Field(min_length=1), BeforeValidator(one_or_many, json_schema_input_type=Text | list[Text])
]
PrivateKey = Annotated[str, AfterValidator(plain_text.lines), _TEXT_SCHEMA]
CallerClaim = Annotated[str, AfterValidator(plain_text.text)]
ClaimName = Annotated[str, AfterValidator(names.claim)]
_JSON_TYPES: Final = ("string", "array", "object", "boolean", "number")
_ClaimValue = Annotated[JsonValue, WithJsonSchema({"anyOf": [{"type": name} for name in _JSON_TYPES]})]
Claims = dict[ClaimName, _ClaimValue]
JsonContent = _ClaimValue
AssertionLifetime = Annotated[Duration, AfterValidator(_few_minutes)]
IdentityLifetime = Annotated[Duration, AfterValidator(_short_lived)]
PublishedAhead = Annotated[Duration, AfterValidator(_within_a_day)]
IdentityClaim = Annotated[str, AfterValidator(names.identity_claim)]
Method = Annotated[str, AfterValidator(names.method), _shown(patterns.METHOD)]
ParameterName = Annotated[str, AfterValidator(names.parameter)]
RequestField = Annotated[str, AfterValidator(names.request_field_name)]
OverrideField = Annotated[str, AfterValidator(names.override_name)]
ResponseField = Annotated[str, AfterValidator(names.field_name)]
CookieName = Annotated[str, AfterValidator(names.cookie_name)]
Pointer = Annotated[JsonPointer, PlainValidator(names.json_pointer), _shown(patterns.POINTER)]
TokenRequestField = Annotated[str, AfterValidator(names.token_request_field_name)]
FieldValue = Annotated[str, AfterValidator(plain_text.field_value), _ANY_TEXT]
ParameterValue = Annotated[str, _ANY_TEXT]
RequestFields = Annotated[dict[RequestField, FieldValue], AfterValidator(_without_twins)]
TokenRequestFields = Annotated[dict[TokenRequestField, FieldValue], AfterValidator(_without_twins)]
ResponseFields = Annotated[dict[ResponseField, FieldValue], AfterValidator(_without_twins)]
RefusalStatus = Annotated[
    int,
    PlainValidator(reader_of_filled(names.refusal_status)),
    _or_references({"type": "integer", "minimum": 200, "maximum": 599}),
]

_ScopeToken = Annotated[str, AfterValidator(names.scope_token)]
_ResourceUri = Annotated[str, AfterValidator(urls.resource), _shown(patterns.RESOURCE)]
_TextOrTexts = Text | list[Text]
Scope = Annotated[list[_ScopeToken], BeforeValidator(_split, json_schema_input_type=_TextOrTexts)]
Audience = Annotated[list[Text], BeforeValidator(one_or_many, json_schema_input_type=_TextOrTexts)]
Resource = Annotated[
    list[_ResourceUri], BeforeValidator(one_or_many, json_schema_input_type=_ResourceUri | list[_ResourceUri])
]

LoginRate = Annotated[LoginPace, PlainValidator(units.login_pace), _shown(units.PACE_PATTERN)]
FormName = Annotated[str, AfterValidator(names.text)]
TakenName = Annotated[str, AfterValidator(names.taken_name)]
StepField = Annotated[str, AfterValidator(names.step_field_name)]
StepFields = Annotated[dict[StepField, FieldValue], AfterValidator(_without_twins)]
AnswerFields = dict[ResponseField, FieldValue]
RedirectPath = Annotated[str, AfterValidator(names.redirect_path)]
MediaType = Annotated[str, AfterValidator(names.media_type)]
Status = Annotated[
    int,
    PlainValidator(reader_of_filled(names.status_code)),
    _or_references({"type": "integer", "minimum": 100, "maximum": 599}),
]
JsonWanted = Annotated[
    tuple[Scalar, ...] | Presence,
    PlainValidator(names.wanted),
    WithJsonSchema({"anyOf": [{"type": name} for name in ("string", "number", "boolean", "array")]}),
]

AuthMethodWord = Annotated[AuthMethod, *_word_of(AuthMethod)]
GrantTypeWord = Annotated[str, PlainValidator(names.grant_type), _shown(patterns.GRANT_TYPE)]
TokenTypeWord = Annotated[TokenType, *_word_of(TokenType)]
_CertificateHeaderWord = Annotated[CertificateHeader, *_word_of(CertificateHeader)]
CertificateHeaders = Annotated[
    list[_CertificateHeaderWord],
    Field(min_length=1),
    BeforeValidator(one_or_many, json_schema_input_type=str | list[str]),
]
SigningAlgorithmWord = Annotated[SigningAlgorithm, *_word_of(SigningAlgorithm)]
CallerAuthorizationWord = Annotated[CallerAuthorization, *_word_of(CallerAuthorization)]
ClientCertificateWord = Annotated[ClientCertificate, *_word_of(ClientCertificate)]
TlsVersionWord = Annotated[TlsVersion, *_word_of(TlsVersion)]
LogFormatWord = Annotated[LogFormat, *_word_of(LogFormat)]
LifeUnitWord = Annotated[LifeUnit, *_word_of(LifeUnit)]
RequestMethodWord = Annotated[RequestMethod, *_word_of(RequestMethod)]
BodyFormatWord = Annotated[BodyFormat, *_word_of(BodyFormat)]
OwnFieldWord = Annotated[
    OwnField, PlainValidator(partial(member, OwnField)), WithJsonSchema({"type": "string"})
]
OwnFieldWords = Annotated[
    list[Annotated[OwnField, *_word_of(OwnField)]],
    Field(min_length=1),
    BeforeValidator(one_or_many, json_schema_input_type=str | list[str]),
]
StatusCodes = Annotated[
    list[Status],
    Field(min_length=1),
    BeforeValidator(one_or_many_numbers, json_schema_input_type=Status | list[Status]),
]
_PointerKey = Annotated[JsonPointer, PlainValidator(names.json_pointer), WithJsonSchema({"type": "string"})]
JsonConditions = dict[_PointerKey, JsonWanted]
ReloadWord = Annotated[ReloadTrigger, *_word_of(ReloadTrigger)]
LogLevelWord = Annotated[LogLevel, *_word_of(LogLevel)]
AccessWord = Annotated[OpenAccess, *_word_of(OpenAccess)]

JwtTypeWord = Annotated[JwtType, *_word_of(JwtType)]
_JwtAlgorithmWord = Annotated[JwtAlgorithm, *_word_of(JwtAlgorithm)]
JwtAlgorithms = Annotated[
    list[_JwtAlgorithmWord],
    Field(min_length=1),
    BeforeValidator(one_or_many, json_schema_input_type=str | list[str]),
]
TunnelAge = Annotated[
    float | str,
    PlainValidator(reader_of_filled(units.tunnel_age)),
    _shown(rf"token|{units.DURATION_PATTERN}"),
]
RequestRate = Annotated[tuple[int, float], PlainValidator(units.request_rate), _shown(units.RATE_PATTERN)]
_WeekHours = Annotated[str, AfterValidator(times.week_hours), _shown(hours.PATTERN)]
WeekHours = Annotated[
    list[_WeekHours],
    Field(min_length=1),
    BeforeValidator(one_or_many, json_schema_input_type=_WeekHours | list[_WeekHours]),
]
TimeZone = Annotated[str, AfterValidator(times.zone)]
InFlight = Annotated[int, *whole_number(1, 1_000_000)]
LimitName = Annotated[str, AfterValidator(names.limit_name)]
LimitKeyWord = Annotated[LimitKey, *_word_of(LimitKey)]
Origin = Annotated[str, AfterValidator(urls.origin), _shown(patterns.ORIGIN)]
WayKey = Annotated[str, AfterValidator(names.way_name)]
CallerNetwork = Annotated[Network, PlainValidator(hosts.network), _shown(patterns.NETWORK)]
CredentialField = Annotated[str, AfterValidator(names.credential_field)]
FilePath = Text
_CLAIM_TYPES: Final = [{"type": name} for name in ("string", "integer", "boolean")]
_ClaimWanted = Annotated[
    str | int, PlainValidator(names.claim_value), WithJsonSchema({"anyOf": _CLAIM_TYPES})
]
ClaimValues = Annotated[
    list[_ClaimWanted],
    Field(min_length=1),
    BeforeValidator(_listed, json_schema_input_type=_ClaimWanted | list[_ClaimWanted]),
]
