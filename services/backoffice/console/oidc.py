"""Sign-in by OpenID Connect: authorization code flow with PKCE, state and nonce. Pages of it are in `pages.oidc`.

The ID token is believed only with a good signature of the issuer's published keys, and with our client id, the issuer,
the nonce of this browser and times that fit. Nothing else the provider sends is used.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import time
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import httpx
import msgspec
import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from services.backoffice.console.settings import ConsoleSettings
from services.backoffice.office.errors import OfficeError

log = structlog.get_logger(__name__)

TIMEOUT_S: Final = 10.0
ANSWER_BYTES_MAX: Final = 1_048_576
DISCOVERY_KEPT_S: Final = 3_600.0
KEYS_ASKED_EVERY_S: Final = 30.0
"""An unknown key id asks for the issuer's keys anew, but not more often."""

LEEWAY_S: Final = 60
ALGORITHMS: Final = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"]
WELL_KNOWN: Final = "/.well-known/openid-configuration"
CALLBACK: Final = "/oidc/callback"
OK: Final = 200


class OidcRefused(OfficeError):
    """The sign-in is not accepted."""


class OidcAway(OfficeError):
    """The provider did not answer, or not as it should."""


class Flow(msgspec.Struct, frozen=True):
    """A sign-in under way, kept in a cookie of the browser that began it."""

    state: str
    nonce: str
    verifier: str
    next: str


class Person(msgspec.Struct, frozen=True):
    """Who has signed in at the provider."""

    login: str
    name: str
    groups: list[str]


class _Endpoints(msgspec.Struct, frozen=True):
    authorization: str
    token: str
    keys: str
    basic: bool
    issuer_in_answer: bool


class Oidc:
    """The provider as the settings name it. `close` at the end."""

    def __init__(self, settings: ConsoleSettings) -> None:
        self._settings = settings
        self._secret = settings.oidc_secret()
        self._client = httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False)
        self._turn = asyncio.Lock()
        self._endpoints: tuple[float, _Endpoints] | None = None
        self._keys: KeySet | None = None
        self._keys_at_s = -KEYS_ASKED_EVERY_S

    async def close(self) -> None:
        """Closes all connections."""
        await self._client.aclose()

    @property
    def redirect_uri(self) -> str:
        """Where the provider sends people back to: to be registered there."""
        return self._settings.url.rstrip("/") + CALLBACK

    async def begin(self, to: str) -> tuple[str, Flow]:
        """Where to send a browser, and what it has to bring back. OidcAway."""
        endpoints = await self._discovered()
        flow = Flow(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(48), to)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(flow.verifier.encode()).digest()).rstrip(b"=").decode()
        query = {
            "response_type": "code",
            "client_id": self._settings.oidc_client_id,
            "redirect_uri": self.redirect_uri,
            "scope": self._settings.oidc_scopes,
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        joint = "&" if "?" in endpoints.authorization else "?"
        return endpoints.authorization + joint + urlencode(query), flow

    async def finish(self, flow: Flow, query: Mapping[str, str]) -> Person:
        """Who has come back. OidcRefused where anything does not fit, OidcAway where the provider does not answer."""
        if not secrets.compare_digest(query.get("state", "").encode(), flow.state.encode()):
            raise OidcRefused("This sign-in was not begun in this browser, or too long ago. Begin again.")
        endpoints = await self._discovered()
        told_issuer = query.get("iss", "")
        if (told_issuer or endpoints.issuer_in_answer) and told_issuer != self._settings.oidc_issuer:
            raise OidcRefused("The answer comes from another provider.")
        if "error" in query or not query.get("code"):
            raise OidcRefused(f"The provider did not sign you in: {query.get('error', 'no code came')[:100]}.")
        token = await self._exchanged(endpoints, query["code"], flow.verifier)
        return self._person(await self._claims(endpoints, token, flow.nonce))

    async def _exchanged(self, endpoints: _Endpoints, code: str, verifier: str) -> str:
        client_id, secret = self._settings.oidc_client_id, self._secret.get_secret_value()
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": self.redirect_uri, "code_verifier": verifier}
        auth = httpx.BasicAuth(client_id, secret) if endpoints.basic else None
        if auth is None:
            form |= {"client_id": client_id, "client_secret": secret}
        told = await self._json("POST", endpoints.token, data=form, auth=auth)
        token = told.get("id_token")
        if not isinstance(token, str):
            raise OidcRefused("The provider gave no ID token for the code.")
        return token

    async def _claims(self, endpoints: _Endpoints, token: str, nonce: str) -> dict[str, Any]:
        for fresh in (False, True):
            keys = await self._known_keys(endpoints, fresh=fresh)
            try:
                decoded = jwt.decode(token, keys, algorithms=ALGORITHMS)
                break
            except (JoseError, ValueError, KeyError) as error:
                if fresh:
                    log.warning("an ID token was not accepted", cause=repr(error))
                    raise OidcRefused("The provider's ID token is not signed with one of its keys.") from error
        else:
            raise AssertionError("unreachable")
        registry = jwt.JWTClaimsRegistry(
            leeway=LEEWAY_S,
            iss={"essential": True, "value": self._settings.oidc_issuer},
            aud={"essential": True, "value": self._settings.oidc_client_id},
            exp={"essential": True},
            iat={"essential": True},
            sub={"essential": True},
            nonce={"essential": True, "value": nonce},
        )
        claims = dict(decoded.claims)
        try:
            registry.validate(claims)
        except JoseError as error:
            log.warning("an ID token was not accepted", cause=repr(error))
            raise OidcRefused(f"The provider's ID token does not fit: {str(error)[:120]}.") from error
        authorized = claims.get("azp")
        if (
            authorized is not None or (isinstance(claims["aud"], list) and len(claims["aud"]) > 1)
        ) and authorized != self._settings.oidc_client_id:
            raise OidcRefused("The provider's ID token was made for another application.")
        return claims

    def _person(self, claims: Mapping[str, Any]) -> Person:
        login = claims.get(self._settings.oidc_login_claim)
        if not isinstance(login, str) or not login:
            raise OidcRefused(f"The provider's ID token has no claim {self._settings.oidc_login_claim!r}.")
        if self._settings.oidc_login_claim == "email" and claims.get("email_verified") is not True:
            raise OidcRefused("The provider has not verified your e-mail address.")
        groups = claims.get(self._settings.oidc_role_claim, [])
        told = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
        name = claims.get("name")
        return Person(login, name if isinstance(name, str) else login, [str(group) for group in told])

    async def _discovered(self) -> _Endpoints:
        async with self._turn:
            if self._endpoints is None or time.monotonic() - self._endpoints[0] > DISCOVERY_KEPT_S:
                told = await self._json("GET", self._settings.oidc_issuer.rstrip("/") + WELL_KNOWN)
                self._endpoints = (time.monotonic(), self._read(told))
            return self._endpoints[1]

    def _read(self, told: Mapping[str, Any]) -> _Endpoints:
        if told.get("issuer") != self._settings.oidc_issuer:
            raise OidcAway(f"The provider calls itself {str(told.get('issuer'))[:100]!r}, not as the settings say.")
        authorization, token, keys = (told.get(name) for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"))
        scheme = "https://" if self._settings.oidc_issuer.startswith("https://") else ("https://", "http://")
        if not all(isinstance(url, str) and url.startswith(scheme) for url in (authorization, token, keys)):
            raise OidcAway("The provider's configuration lacks an address, or names one without https.")
        methods = told.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        issuer_in_answer = told.get("authorization_response_iss_parameter_supported") is True
        return _Endpoints(str(authorization), str(token), str(keys), "client_secret_basic" in methods, issuer_in_answer)

    async def _known_keys(self, endpoints: _Endpoints, *, fresh: bool) -> KeySet:
        async with self._turn:
            due = time.monotonic() - self._keys_at_s >= KEYS_ASKED_EVERY_S
            if self._keys is None or (fresh and due):
                told = await self._json("GET", endpoints.keys)
                try:
                    self._keys = KeySet.import_key_set({"keys": told["keys"]})
                except (JoseError, ValueError, KeyError, TypeError) as error:
                    raise OidcAway("The provider's keys cannot be read.") from error
                self._keys_at_s = time.monotonic()
            return self._keys

    async def _json(self, method: str, url: str, **more: Any) -> dict[str, Any]:
        """A JSON object of the provider; never logs what was sent."""
        try:
            async with self._client.stream(method, url, headers={"Accept": "application/json"}, **more) as answer:
                body = bytearray()
                async for part in answer.aiter_bytes():
                    body += part
                    if len(body) > ANSWER_BYTES_MAX:
                        raise OidcAway("The provider's answer is too large.")
            told = msgspec.json.decode(bytes(body)) if answer.status_code == OK else None
        except (httpx.HTTPError, httpx.InvalidURL, msgspec.DecodeError, UnicodeDecodeError) as error:
            log.warning("the OIDC provider did not answer", url=url, cause=repr(error))
            raise OidcAway("The sign-in provider cannot be reached now. Try again in a moment.") from error
        if not isinstance(told, dict):
            log.warning("the OIDC provider refused", url=url, status=answer.status_code)
            if method == "POST" and answer.status_code < 500:  # noqa: PLR2004  # HTTP
                raise OidcRefused("The provider did not accept the sign-in. Begin again.")
            raise OidcAway(f"The sign-in provider answered {answer.status_code}.")
        return told
