"""The secrets of a subscription, read: what its requests are signed with."""

from __future__ import annotations

from attrs import field, frozen

from asyncevents_http.message_signatures import MessageSigner, message_signers
from asyncevents_http.signing import Signer, signers


@frozen
class Keys:
    """Secrets, newest first, and what signs with them. Immutable. Raises `InvalidSecret`."""

    secrets: tuple[str, ...] = field(repr=False)
    signers: tuple[Signer, ...] = field(init=False, repr=False)
    message_signers: tuple[MessageSigner, ...] = field(init=False, repr=False)

    @signers.default
    def _read(self) -> tuple[Signer, ...]:
        return signers(self.secrets)

    @message_signers.default
    def _read_message_signers(self) -> tuple[MessageSigner, ...]:
        return message_signers(self.secrets)
