"""An OpenID provider that does what it is told, wrong things too."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

from attrs import define, field
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

SECRET = "a secret: of & the = shop, long enough for HS256"


def _key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": "one", "use": "sig"})


@define
class FaultyProvider:
    """`issuer` is set once its address is known, `nonce` when a sign-in has begun.

    `claims` replace those of the ID token, None leaves one out; `about` those of the discovery;
    `answers` are what paths answer instead.
    """

    issuer: str = ""
    nonce: str = ""
    algorithm: str = "RS256"
    claims: dict[str, Any] = field(factory=dict)
    about: dict[str, Any] = field(factory=dict)
    person: dict[str, Any] = field(factory=dict)
    answers: dict[str, Response] = field(factory=dict)
    asked: list[Request] = field(factory=list)
    hangs: bool = False
    key: RSAKey = field(factory=_key)
    other_key: RSAKey = field(factory=_key)

    @property
    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/.well-known/openid-configuration", self._about),
                Route("/keys", self._keys),
                Route("/token", self._token, methods=["POST"]),
                Route("/me", self._me),
            ]
        )

    async def _about(self, request: Request) -> Response:
        found = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/auth",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/me",
            **self.about,
        }
        return await self._answer(request, _without_none(found))

    async def _keys(self, request: Request) -> Response:
        unusable = {"kty": "new", "kid": "zero"}
        public = self.key.as_dict(private=False)
        return await self._answer(request, {"keys": [unusable, public]})

    async def _token(self, request: Request) -> Response:
        await request.body()
        tokens = {"access_token": "access", "token_type": "Bearer", "id_token": self.id_token()}
        return await self._answer(request, tokens)

    async def _me(self, request: Request) -> Response:
        return await self._answer(request, {"sub": "7", **self.person})

    async def _answer(self, request: Request, body: dict[str, Any]) -> Response:
        self.asked.append(request)
        if self.hangs:
            while (await request.receive())["type"] != "http.disconnect":
                continue
        return self.answers.get(request.url.path) or JSONResponse(body)

    def id_token(self) -> str:
        now = int(time.time())
        claims = _without_none(
            {
                "iss": self.issuer,
                "aud": "shop",
                "sub": "7",
                "exp": now + 300,
                "iat": now,
                "nonce": self.nonce,
                "preferred_username": "ann",
                "groups": ["staff"],
                **self.claims,
            }
        )
        header = {"alg": self.algorithm, "kid": "one"}
        match self.algorithm:
            case "none":
                parts = [json.dumps(one).encode() for one in (header, claims)]
                return ".".join([*(base64.urlsafe_b64encode(one).decode() for one in parts), ""])
            case "HS256":
                return jwt.encode(header, claims, OctKey.import_key(SECRET), ["HS256"])
            case "other key":
                return jwt.encode({**header, "alg": "RS256"}, claims, self.other_key)
        return jwt.encode(header, claims, self.key)


def moved() -> Response:
    return RedirectResponse("/elsewhere")


def _without_none(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
