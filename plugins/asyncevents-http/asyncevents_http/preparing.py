"""What has to be done before some requests are sent: a token, the recipient's consent."""

from __future__ import annotations

import asyncio
import time

from asyncevents_core.plugin import Failure, Outcome
from asyncevents_http import outcomes
from asyncevents_http.basic import bearer
from asyncevents_http.batching import Courier
from asyncevents_http.clients import Client
from asyncevents_http.config import HttpConfig
from asyncevents_http.guard import AddressRefused
from asyncevents_http.handshakes import Handshakes
from asyncevents_http.headers import AUTHORIZATION
from asyncevents_http.reading import forms_of
from asyncevents_http.recipients import Message, Recipient
from asyncevents_http.tokens import Token, TokenRefused, Tokens
from asyncevents_http.wire.errors import WireError
from asyncevents_http.wire.exchange import Answer, Headers


class Preparations(Courier):
    """Carries messages that are not simply sent. Used on one loop."""

    def __init__(self, client: Client, config: HttpConfig) -> None:
        self._client = client
        self._cap = config.response_cap
        self._tokens = Tokens(client, timeout=config.timeout)
        self._handshakes = Handshakes(
            client, origin=config.handshake_origin, timeout=config.timeout
        )

    async def carry(self, recipient: Recipient, message: Message, deadline: float) -> Outcome:
        """See `Courier`.

        A token that the recipient does not take is renewed once, and the request repeated.
        """
        try:
            return await self._carry(recipient, message, deadline)
        except (WireError, AddressRefused) as error:
            return outcomes.of_error(error)

    async def _carry(self, recipient: Recipient, message: Message, deadline: float) -> Outcome:
        if recipient.refusal is not None:
            return Outcome.failed(Failure.DENIED, recipient.refusal)
        identity = recipient.origin.identity
        problem = None if identity is None else identity.problem(time.time())
        if problem is not None:
            return Outcome.failed(Failure.CREDENTIALS, problem)
        loop = asyncio.get_running_loop()
        until = loop.time() + deadline
        tokens: list[Token] = []
        try:
            async with asyncio.timeout_at(until):
                headers = await self._authorization(recipient, tokens)
                refused = await self._consent(recipient, message, headers, deadline)
                if refused is not None:
                    return self._hidden(recipient, refused, tokens)
            answer = await self._send(recipient, message, headers, until - loop.time())
            if answer.status == 401 and recipient.credentials is not None:
                self._tokens.reject(recipient.credentials, tokens[-1])
                async with asyncio.timeout_at(until):
                    headers = await self._authorization(recipient, tokens)
                answer = await self._send(recipient, message, headers, until - loop.time())
        except TimeoutError:
            late = f"no answer within {deadline:g} s: a token or a handshake took too long"
            return Outcome.failed(Failure.TIMED_OUT, late)
        except TokenRefused as error:
            refused = Outcome.failed(Failure.CREDENTIALS, str(error), http_status=error.http_status)
            return self._hidden(recipient, refused, tokens)
        if recipient.consent is not None:
            self._handshakes.answered(recipient, answer.status)
        outcome = outcomes.of_answer(answer, cap=self._cap, reading=recipient.reading)
        return self._hidden(recipient, outcome, tokens)

    async def close(self) -> None:
        """Wait for what is under way, which ends when the client is closed."""
        await self._tokens.close()
        await self._handshakes.close()

    async def _authorization(self, recipient: Recipient, tokens: list[Token]) -> Headers:
        """Return the header that a token is; it is added to `tokens`."""
        if recipient.credentials is None:
            return []
        token = await self._tokens.get(recipient.credentials)
        tokens.append(token)
        return [(AUTHORIZATION, bearer(token.text))]

    async def _consent(
        self, recipient: Recipient, message: Message, headers: Headers, deadline: float
    ) -> Outcome | None:
        if recipient.consent is None:
            return None
        return await self._handshakes.admit(recipient, message.id, headers, patience=deadline / 2)

    async def _send(
        self, recipient: Recipient, message: Message, headers: Headers, left: float
    ) -> Answer:
        whole = Message(message.id, [*message.headers, *headers], message.body)
        return await self._client.send(recipient, whole, max(left, 0.0))

    @staticmethod
    def _hidden(recipient: Recipient, outcome: Outcome, tokens: list[Token]) -> Outcome:
        if recipient.reading is None:
            return outcome
        more = [form for one in tokens for form in forms_of(one.text)]
        return recipient.reading.without_secrets(outcome, more)
