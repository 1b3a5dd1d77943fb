"""Contract of the ledger's users: people who sign in, their sessions, and who guesses passwords."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from uuid import UUID

from asyncevents_core.domain.guessing import Guesses
from asyncevents_core.domain.user import Session, SignInLink, User


class Users(ABC):
    """Users in a transaction."""

    @abstractmethod
    def insert(self, user: User) -> bool:
        """Insert a user, made now; False if another one has that name.

        One with this id that is there already is passed over, and True is returned.
        """

    @abstractmethod
    def lock(self, user_id: UUID) -> User | None:
        """Return the user with that id, locked; waits for who has locked it."""

    @abstractmethod
    def set_password(self, user_id: UUID, password_hash: str, *, changed: bool) -> None:
        """Keep another hash; `changed`: of another password, else of the same one."""

    @abstractmethod
    def set_disabled(self, user_id: UUID, disabled: bool) -> None:
        """Disable a user now, or enable it."""

    @abstractmethod
    def delete(self, user_id: UUID) -> None:
        """Delete a user, with sessions, links, and the networks that are known."""

    @abstractmethod
    def note_sign_in(self, user_id: UUID, network: str | None) -> None:
        """Note that a user has signed in now; `network` is known from now on."""

    @abstractmethod
    def is_known(self, user_id: UUID, network: str, *, since: int) -> bool:
        """Tell whether a user has signed in from a network since then."""

    # -- sessions and links -------------------------------------------------------------------

    @abstractmethod
    def insert_session(self, session: Session) -> None:
        """Insert a session, made and seen now; one that is there already is passed over."""

    @abstractmethod
    def has_session(self, session_id: UUID) -> bool:
        """Tell whether there is such a session."""

    @abstractmethod
    def touch_session(self, session_id: UUID) -> None:
        """Note that a session was used now."""

    @abstractmethod
    def delete_session(self, session_id: UUID) -> None:
        """Delete a session, if there is one."""

    @abstractmethod
    def delete_access(self, user_id: UUID, *, but: UUID | None = None) -> None:
        """Delete a user's sessions, `but` one, and their links."""

    @abstractmethod
    def insert_link(self, link: SignInLink) -> None:
        """Insert a link; one that is there already is passed over."""

    @abstractmethod
    def take_link(self, link_id: UUID) -> SignInLink | None:
        """Delete a link and return it; None: there is none. Of several at once one gets it."""

    # -- guesses ------------------------------------------------------------------------------

    @abstractmethod
    def lock_guesses(self, key: bytes) -> Guesses:
        """Return the guesses with that key, locked, new ones if there are none.

        Waits for who has locked them.
        """

    @abstractmethod
    def put_guesses(self, guesses: Guesses) -> None:
        """Write guesses that `lock_guesses` returned."""

    @abstractmethod
    def forget_guesses(self, key: bytes) -> None:
        """Delete guesses, if there are any."""

    # -- clean-up -----------------------------------------------------------------------------

    @abstractmethod
    def delete_sessions(self, *, unseen_since: int, limit: int) -> int:
        """Delete sessions and links that expired, and sessions not seen since then.

        Return how many rows it was, at most about `limit`.
        """

    @abstractmethod
    def delete_networks(self, *, before: int, limit: int) -> int:
        """Delete networks from which nobody has signed in since then; return how many."""

    @abstractmethod
    def delete_guesses(self, *, before: int, most: int, limit: int) -> int:
        """Delete guesses older than that, and the oldest of more than `most`; return how many."""


class UsersView(ABC):
    """Reads of users."""

    @abstractmethod
    def get(self, user_id: UUID) -> User | None:
        """Return a user, disabled ones too."""

    @abstractmethod
    def named(self, name: str) -> User | None:
        """Return the user of that name, in whatever case."""

    @abstractmethod
    def all(self) -> Sequence[User]:
        """Return all users, by name."""

    @abstractmethod
    def session(self, session_id: UUID) -> tuple[Session, User | None] | None:
        """Return a session, with its user where it has one, and there still is that user."""
