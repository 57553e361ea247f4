"""A small OpenID provider: discovery, codes with PKCE, signed ID tokens. It can be told to lie in one respect."""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import FastAPI, Form, HTTPException, Request
from fastapi.responses import RedirectResponse
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, RSAKey

CLIENT, SECRET = "console", "s3cret of the client"


@dataclass
class Provider:
    """One issuer with one client. `claims` replace or (None) take away what a token says; `issuer` is set once it is served."""

    issuer: str = ""
    login: str = "grace"
    groups: list[str] = field(default_factory=lambda: ["casino-admins"])
    claims: dict[str, Any] = field(default_factory=dict)
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048, {"kid": "first"}))
    signs_with: RSAKey | OctKey | None = None
    algorithm: str = "RS256"
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    exchanges: list[str] = field(default_factory=list)
    asked_for_keys: int = 0

    def app(self) -> FastAPI:
        """The application, to be served."""
        app = FastAPI(docs_url=None, redoc_url=None)

        @app.get("/.well-known/openid-configuration")
        async def discovery() -> dict[str, Any]:
            return {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            }

        @app.get("/keys")
        async def keys() -> dict[str, Any]:
            self.asked_for_keys += 1
            return dict(KeySet([self.key]).as_dict(private=False))

        @app.get("/authorize")
        async def authorize(request: Request) -> RedirectResponse:
            query = dict(request.query_params)
            assert (query["client_id"], query["response_type"], query["code_challenge_method"]) == (CLIENT, "code", "S256")
            code = secrets.token_urlsafe(16)
            self.codes[code] = query
            return RedirectResponse(f"{query['redirect_uri']}?{urlencode({'code': code, 'state': query['state']})}", 302)

        @app.post("/token")
        async def token(
            request: Request,
            code: Annotated[str, Form()],
            code_verifier: Annotated[str, Form()],
            redirect_uri: Annotated[str, Form()],
            grant_type: Annotated[str, Form()],
        ) -> dict[str, Any]:
            known = self.codes.pop(code, None)
            client = base64.b64decode(request.headers["authorization"].removeprefix("Basic ")).decode()
            challenge = base64.urlsafe_b64encode(hashlib.sha256(code_verifier.encode()).digest()).rstrip(b"=").decode()
            fits = known and known["code_challenge"] == challenge and known["redirect_uri"] == redirect_uri
            if not fits or client != f"{CLIENT}:{SECRET}" or grant_type != "authorization_code":
                raise HTTPException(400, "invalid_grant")
            assert known is not None
            self.exchanges.append(code)
            return {"access_token": "x", "token_type": "Bearer", "id_token": self.token(known["nonce"])}

        return app

    def token(self, nonce: str) -> str:
        """An ID token as it is to be, but for what `claims` say."""
        now = int(time.time())
        told: dict[str, Any] = {
            "iss": self.issuer, "sub": "007", "aud": CLIENT, "exp": now + 300, "iat": now, "nonce": nonce,
            "preferred_username": self.login, "name": "Grace H.", "groups": self.groups, **self.claims,
        }  # fmt: skip
        claims = {name: value for name, value in told.items() if value is not None}
        key = self.signs_with or self.key
        return jwt.encode({"alg": self.algorithm, "kid": key.kid or "first"}, claims, key, algorithms=[self.algorithm])
