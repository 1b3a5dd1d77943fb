"""An OpenID provider, asked by the code flow with PKCE. Needs the extra `web`."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote, urlencode, urlsplit

from attrs import field, frozen

from asyncevents_core.errors import MissingExtra, SignInRefused
from asyncevents_core.settings.people import OpenIdOptions, issuer_mistake

try:
    import httpx
    from authlib.oauth2.rfc7636 import create_s256_code_challenge
    from authlib.oidc.core import CodeIDToken
    from joserfc import jwk, jwt
    from joserfc.errors import JoseError
except ModuleNotFoundError as error:
    raise MissingExtra("signing in by OpenID", extra="web") from error

_WITHIN: Final = 10.0
"""Seconds for all that one step asks the provider."""
_MOST_BYTES: Final = 262_144
_KEPT_FOR: Final = 300.0
"""Seconds for which what the provider says of itself is not asked again."""
_LEEWAY: Final = 60
"""Seconds by which the provider's clock may differ."""
_ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
"""Signatures that only the provider can make: neither "none", nor those with the shared secret."""
_LONGEST_SHOWN: Final = 200
_AGAIN: Final = "sign in again"


@frozen(kw_only=True)
class Flow:
    """One sign-in that has begun: what the browser keeps until it comes back."""

    state: str
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)


@frozen(kw_only=True)
class Vouched:
    """Whom the provider vouches for."""

    name: str
    groups: tuple[str, ...]


@frozen(kw_only=True)
class _Metadata:
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None
    secret_in_body: bool


class OpenIdProvider:
    """The provider of the settings. Used on one event loop; opens a connection for each step.

    What fails raises `SignInRefused`, with a text that says what, and has nothing secret in it.
    """

    def __init__(self, options: OpenIdOptions) -> None:
        self._options = options
        self._metadata: tuple[float, _Metadata] | None = None

    async def begin(self, back: str) -> tuple[str, Flow]:
        """Return where to send the browser, and what `finish` needs when it comes back.

        `back` is the address to which it does.
        """
        async with self._connection() as http:
            found = await self._about(http)
        flow = Flow(
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(48),
        )
        query = {
            "response_type": "code",
            "client_id": self._options.client_id,
            "redirect_uri": back,
            "scope": " ".join(self._options.scopes),
            "state": flow.state,
            "nonce": flow.nonce,
            "code_challenge": create_s256_code_challenge(flow.verifier),
            "code_challenge_method": "S256",
        }
        joint = "&" if urlsplit(found.authorization_endpoint).query else "?"
        return f"{found.authorization_endpoint}{joint}{urlencode(query)}", flow

    async def finish(self, query: Mapping[str, str], flow: Flow | None, back: str) -> Vouched:
        """Return whom the provider vouches for, by the query with which the browser came back.

        `flow` is what it has kept, None for nothing.
        """
        if flow is None or not secrets.compare_digest(
            query.get("state", "").encode(), flow.state.encode()
        ):
            raise SignInRefused(
                f"this sign-in was not begun here, or more than 10 minutes ago: {_AGAIN}"
            )
        if query.get("iss", self._options.issuer) != self._options.issuer:
            raise SignInRefused(f"another provider answered than was asked: {_AGAIN}")
        if "error" in query:
            about = query.get("error_description") or query["error"]
            raise SignInRefused(f"the provider refused: {_short(about)}")
        code = query.get("code")
        if not code:
            raise SignInRefused(f"the provider sent no code: {_AGAIN}")
        async with self._connection() as http:
            about_it = await self._about(http)
            tokens = await self._exchange(http, about_it, code, flow, back)
            keys = await self._get(http, about_it.jwks_uri)
            claims = self._claims(tokens, keys, flow)
            return await self._vouched(http, about_it, tokens, claims)

    def _connection(self) -> _Connection:
        return _Connection(self._options.issuer)

    async def _about(self, http: httpx.AsyncClient) -> _Metadata:
        """Return what the provider says of itself."""
        now = time.monotonic()
        if self._metadata is not None and now - self._metadata[0] < _KEPT_FOR:
            return self._metadata[1]
        issuer = self._options.issuer
        found = await self._get(http, f"{issuer.rstrip('/')}/.well-known/openid-configuration")
        if found.get("issuer") != issuer:
            raise SignInRefused(
                f"the provider calls itself {_short(found.get('issuer'))}, and WEB_OPENID has the "
                f"issuer {issuer}: they have to be the same, to the last /"
            )
        methods = found.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        made = _Metadata(
            authorization_endpoint=_endpoint(found, "authorization_endpoint"),
            token_endpoint=_endpoint(found, "token_endpoint"),
            jwks_uri=_endpoint(found, "jwks_uri"),
            userinfo_endpoint=(
                _endpoint(found, "userinfo_endpoint") if "userinfo_endpoint" in found else None
            ),
            secret_in_body="client_secret_basic" not in methods,
        )
        self._metadata = (now, made)
        return made

    async def _exchange(
        self, http: httpx.AsyncClient, about: _Metadata, code: str, flow: Flow, back: str
    ) -> Mapping[str, Any]:
        """Return the tokens for a code."""
        options = self._options
        body = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": back,
            "code_verifier": flow.verifier,
        }
        auth = None
        if options.client_secret is None:
            body["client_id"] = options.client_id
        elif about.secret_in_body:
            body |= {"client_id": options.client_id, "client_secret": options.client_secret}
        else:
            # https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1
            auth = httpx.BasicAuth(
                quote(options.client_id, safe=""), quote(options.client_secret, safe="")
            )
        request = http.build_request("POST", about.token_endpoint, data=body)
        return await self._ask(http, request, auth)

    def _claims(
        self, tokens: Mapping[str, Any], keys: Mapping[str, Any], flow: Flow
    ) -> Mapping[str, Any]:
        """Return what the ID token says, once it is known to be ours and the provider's."""
        options = self._options
        try:
            token = jwt.decode(
                str(tokens.get("id_token", "")),
                jwk.KeySet(_usable(keys.get("keys"))),
                algorithms=list(_ALGORITHMS),
            )
            claims = CodeIDToken(
                token.claims,
                token.header,
                options={
                    "iss": {"essential": True, "value": options.issuer},
                    "aud": {"essential": True, "value": options.client_id},
                    "nonce": {"essential": True, "value": flow.nonce},
                },
                params={
                    "nonce": flow.nonce,
                    "client_id": options.client_id,
                    "access_token": tokens.get("access_token"),
                },
            )
            claims.validate(leeway=_LEEWAY)
        except (JoseError, ValueError, TypeError) as error:
            raise SignInRefused(
                f"the provider's ID token is not valid ({_short(error)}): {_AGAIN}"
            ) from error
        return dict(claims)

    async def _vouched(
        self,
        http: httpx.AsyncClient,
        about: _Metadata,
        tokens: Mapping[str, Any],
        claims: Mapping[str, Any],
    ) -> Vouched:
        """Return who it is; what the ID token does not say, the provider is asked for."""
        options = self._options
        missing = {options.name_claim, options.groups_claim} - set(claims)
        if missing and about.userinfo_endpoint is not None and tokens.get("access_token"):
            headers = {"Authorization": f"Bearer {tokens['access_token']}"}
            more = await self._get(http, about.userinfo_endpoint, headers)
            if more.get("sub") != claims["sub"]:
                raise SignInRefused(f"the provider speaks of two people: {_AGAIN}")
            claims = {**more, **claims}
        name = claims.get(options.name_claim)
        if not isinstance(name, str) or not name:
            raise SignInRefused(
                f"the provider does not say the name ({options.name_claim}): an operator asks for "
                "another scope, or names another name_claim in WEB_OPENID"
            )
        groups = claims.get(options.groups_claim, [])
        listed = groups if isinstance(groups, list) else [groups]
        return Vouched(name=name, groups=tuple(one for one in listed if isinstance(one, str)))

    async def _get(
        self, http: httpx.AsyncClient, url: str, headers: Mapping[str, str] | None = None
    ) -> Mapping[str, Any]:
        return await self._ask(http, http.build_request("GET", url, headers=headers), None)

    async def _ask(
        self, http: httpx.AsyncClient, request: httpx.Request, auth: httpx.BasicAuth | None
    ) -> Mapping[str, Any]:
        """Return the object that the provider answers with."""
        answer = await http.send(request, auth=auth, stream=True)
        try:
            body = b""
            async for part in answer.aiter_bytes():
                body += part
                if len(body) > _MOST_BYTES:
                    raise SignInRefused("the provider's answer is too long")
        finally:
            await answer.aclose()
        try:
            found = json.loads(body)
        except ValueError:
            found = None
        if answer.status_code == httpx.codes.OK and isinstance(found, dict):
            return found
        about = f"HTTP {answer.status_code} from {request.url.path}"
        if isinstance(found, dict) and "error" in found:
            about = f"{about}: {_short(found.get('error_description') or found['error'])}"
        raise SignInRefused(f"the provider does not do it ({about}): {_AGAIN}")


class _Connection:
    """A client for what one step asks, within its time; what fails becomes `SignInRefused`."""

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer
        self._limit = asyncio.timeout(_WITHIN)
        self._http = httpx.AsyncClient(timeout=_WITHIN, headers={"Accept": "application/json"})

    async def __aenter__(self) -> httpx.AsyncClient:
        await self._limit.__aenter__()
        return self._http

    async def __aexit__(self, kind: Any, error: BaseException | None, trace: Any) -> None:
        late = False
        try:
            await self._limit.__aexit__(kind, error, trace)
        except TimeoutError:
            late = True
        finally:
            await self._http.aclose()
        if late:
            raise SignInRefused(f"{self._issuer} did not answer within {_WITHIN:g} s: {_AGAIN}")
        if isinstance(error, httpx.HTTPError | httpx.InvalidURL):
            raise SignInRefused(
                f"{self._issuer} cannot be reached ({type(error).__name__}): {_AGAIN}"
            ) from error


def _endpoint(found: Mapping[str, Any], name: str) -> str:
    """Return an address that the provider names, if it is one to which secrets may go."""
    address = found.get(name)
    if not isinstance(address, str):
        raise SignInRefused(f"the provider does not say its {name}")
    if mistake := issuer_mistake(address.partition("?")[0]):
        raise SignInRefused(f"the provider's {name} cannot be used: it {mistake}")
    return address


def _usable(keys: object) -> list[Any]:
    """Return the keys that signatures are checked with; those of other kinds are passed over."""
    found = []
    for one in keys if isinstance(keys, list) else []:
        if isinstance(one, dict) and one.get("use", "sig") == "sig" and one.get("kty") in _KINDS:
            found.append(jwk.import_key(one))
    return found


_KINDS: Final[Sequence[str]] = ("RSA", "EC", "OKP")


def _short(text: object) -> str:
    """Return what others have sent as one short line."""
    line = "".join(one if one.isprintable() else " " for one in str(text))
    return line if len(line) <= _LONGEST_SHOWN else f"{line[:_LONGEST_SHOWN]}…"
