"""Credentials, loaded as a set of them says. Imports Google's SDK."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import google.auth
from attrs import field, frozen
from google.auth import identity_pool, impersonated_credentials
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.exceptions import GoogleAuthError
from google.oauth2 import credentials as user_credentials
from google.oauth2 import service_account

from asyncevents_gcp.config import CredentialSet, SubscriberKey
from asyncevents_gcp.keys import check_key

# One loader for each kind: the SDK deprecates the one that takes whatever it is given.
_LOADERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "service_account": service_account.Credentials.from_service_account_info,
    "authorized_user": user_credentials.Credentials.from_authorized_user_info,
    "external_account": identity_pool.Credentials.from_info,
    "impersonated_service_account": (
        impersonated_credentials.Credentials.from_impersonated_service_account_info
    ),
}


class CredentialsUnusable(Exception):
    """They are missing or malformed; the text says what to do, and shows nothing secret."""


@frozen(kw_only=True)
class Identity:
    """Credentials, and the project that comes with them where one does."""

    credentials: Any = field(repr=False)
    project: str | None


def load(source: CredentialSet) -> Identity:
    """Load credentials; without JSON or file, the SDK looks around, which may take seconds.

    Raises `CredentialsUnusable`.
    """
    if source.credentials_json is not None:
        if isinstance(source, SubscriberKey):
            _check(source.credentials_json)
        return _from_json(source, source.credentials_json, "credentials_json")
    if source.credentials_file is not None:
        return _from_json(source, _read(source.credentials_file), source.credentials_file)
    try:
        credentials, project = google.auth.default()
    except GoogleAuthError as error:
        raise CredentialsUnusable(
            f"{error} Or set credentials_file or credentials_json in SINKS['pubsub']."
        ) from error
    return Identity(credentials=credentials, project=source.project or project)


def anonymous(source: CredentialSet) -> Identity:
    """Return the identity to use with an emulator; nothing is loaded but the project's name."""
    project = source.project
    if project is None and source.credentials_json is not None:
        project = _project_in(source.credentials_json)
    return Identity(
        credentials=AnonymousCredentials(),
        project=project or os.environ.get("GOOGLE_CLOUD_PROJECT"),
    )


def _from_json(source: CredentialSet, text: str, origin: str) -> Identity:
    try:
        info = json.loads(text)
    except ValueError:
        # Without its cause, which quotes the text.
        raise CredentialsUnusable(f"{origin}: not JSON") from None
    kind = info.get("type") if isinstance(info, dict) else None
    if not isinstance(kind, str) or kind not in _LOADERS:
        raise CredentialsUnusable(
            f'{origin}: its "type" is none of {", ".join(_LOADERS)}; '
            "for others set GOOGLE_APPLICATION_CREDENTIALS"
        )
    try:
        credentials: Credentials = _LOADERS[kind](info)
    except (GoogleAuthError, ValueError, TypeError, KeyError, AttributeError) as error:
        # Neither its text nor its cause: both may quote the key.
        name = type(error).__name__
        raise CredentialsUnusable(
            f"{origin}: not valid {kind} credentials ({name}); download them again"
        ) from None
    return Identity(credentials=credentials, project=source.project or _project_in(text))


def _check(key: str) -> None:
    # Again: the subscription may be older than the rule.
    try:
        check_key(key)
    except ValueError as error:
        raise CredentialsUnusable(f"credentials_json: {error}") from None


def _read(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise CredentialsUnusable(f"credentials_file {path}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise CredentialsUnusable(f"credentials_file {path}: not a text") from None


def _project_in(text: str) -> str | None:
    try:
        info = json.loads(text)
    except ValueError:
        return None
    project = info.get("project_id") if isinstance(info, dict) else None
    return project if isinstance(project, str) else None
