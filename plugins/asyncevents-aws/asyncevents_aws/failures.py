"""What an error of AWS means: the one table for all five services."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from attrs import frozen
from botocore import exceptions as errors
from botocore.parsers import ResponseParserError

from asyncevents_core.plugin import Failure, Outcome

_CODES_BY_FAILURE: Final[Mapping[Failure, str]] = {
    Failure.THROTTLED: """
        Throttling ThrottlingException ThrottledException RequestThrottled
        RequestThrottledException TooManyRequestsException RequestLimitExceeded
        BandwidthLimitExceeded LimitExceededException ProvisionedThroughputExceededException
        PriorRequestNotComplete SlowDown OverLimit
        KmsThrottled KMSThrottling KMSThrottlingException KMS.ThrottlingException
    """,
    # A key that is disabled, or in a state that passes, can be enabled again: tried until then.
    Failure.UNAVAILABLE: """
        InternalError InternalErrorException InternalException InternalFailure
        InternalFailureException InternalServerError InternalServiceError
        ServiceUnavailable ServiceUnavailableException ServiceFailure
        ConcurrentModificationException
        OperationAborted BadDigest IncompleteBody KMS.KMSInvalidStateException
        KmsDisabled KMSDisabled KMSDisabledException KMS.DisabledException
        KmsInvalidState KMSInvalidState KMSInvalidStateException KMS.InvalidStateException
    """,
    Failure.TIMED_OUT: "RequestTimeout RequestTimeoutException",
    Failure.CREDENTIALS: """
        ExpiredToken ExpiredTokenException TokenRefreshRequired RequestExpired
        RequestTimeTooSkewed RequestInTheFuture
        UnrecognizedClientException InvalidClientTokenId InvalidAccessKeyId InvalidToken
        InvalidSecurity InvalidSecurityException AuthFailure
        SignatureDoesNotMatch InvalidSignatureException InvalidSignature
        IncompleteSignature IncompleteSignatureException
        MissingAuthenticationToken MissingAuthenticationTokenException
    """,
    Failure.UNKNOWN_TARGET: """
        AWS.SimpleQueueService.NonExistentQueue QueueDoesNotExist
        AWS.SimpleQueueService.QueueDeletedRecently QueueDeletedRecently
        NotFound NotFoundException ResourceNotFoundException
        NoSuchBucket NoSuchAccessPoint
    """,
    Failure.DENIED: """
        AccessDenied AccessDeniedException AuthorizationError AuthorizationErrorException
        NotAuthorized NotAuthorizedException UnauthorizedOperation OptInRequired
        NotAuthorizedForSourceException NotAuthorizedForDetailTypeException
        AllAccessDisabled AccountProblem
        KmsAccessDenied KMSAccessDenied KMSAccessDeniedException KMS.AccessDeniedException
        KmsOptInRequired KMSOptInRequired KMS.OptInRequired
    """,
    Failure.INVALID: """
        ValidationException ValidationError InvalidParameter InvalidParameterException
        InvalidParameterValue InvalidParameterValueException ParameterValueInvalid
        InvalidArgument InvalidArgumentException MissingParameter SerializationException
        InvalidMessageContents InvalidAttributeValue InvalidAddress MalformedDetail
        UnsupportedOperation AWS.SimpleQueueService.UnsupportedOperation
        EndpointDisabled PlatformApplicationDisabled
        InvalidRequest InvalidBucketName InvalidStorageClass InvalidEncryptionAlgorithmError
        KeyTooLongError MetadataTooLarge AuthorizationHeaderMalformed PermanentRedirect
        KmsNotFound KMSNotFound KMSNotFoundException KMS.NotFoundException
        KmsInvalidKeyUsage KMS.InvalidKeyUsageException
    """,
    Failure.TOO_LARGE: """
        BatchRequestTooLong AWS.SimpleQueueService.BatchRequestTooLong
        RequestEntityTooLarge RequestEntityTooLargeException EntityTooLarge
    """,
}
CODES: Final[Mapping[str, Failure]] = MappingProxyType(
    {code: failure for failure, codes in _CODES_BY_FAILURE.items() for code in codes.split()}
)
"""The error codes that are known, in the spellings of all five services."""

# What the server says to these may repeat the signed request, session token included.
_ADVICE: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"),
        "the session token has expired; renew it where it comes from (the subscription's "
        "options, SINKS, a profile, the environment)",
    ),
    **dict.fromkeys(
        ("RequestExpired", "RequestTimeTooSkewed", "RequestInTheFuture"),
        "the clock of this machine is wrong; set it",
    ),
    **dict.fromkeys(
        ("SignatureDoesNotMatch", "InvalidSignatureException", "InvalidSignature"),
        "the secret access key does not belong to the access key id, or the clock of this "
        "machine is wrong",
    ),
}
_ANY_ADVICE: Final = "AWS does not accept the credentials; check the access key id and its secret"
_STATUSES: Final[Mapping[int, Failure]] = {
    401: Failure.CREDENTIALS,
    403: Failure.DENIED,
    404: Failure.UNKNOWN_TARGET,
    408: Failure.TIMED_OUT,
    413: Failure.TOO_LARGE,
    429: Failure.THROTTLED,
}
_MISSING: Final = (
    errors.NoCredentialsError,
    errors.PartialCredentialsError,
    errors.CredentialRetrievalError,
    errors.NoAuthTokenError,
    errors.TokenRetrievalError,
    errors.UnknownTokenProviderError,
    errors.UnknownCredentialError,
    errors.ProfileNotFound,
    errors.ConfigParseError,
    errors.ConfigNotFound,
    errors.InvalidConfigError,
    errors.MetadataRetrievalError,
    errors.RefreshWithMFAUnsupportedError,
    errors.MissingDependencyException,
    errors.SSOError,
    errors.LoginError,
)
# Longer messages repeat the request.
_LONGEST: Final = 300
_SPACES: Final = re.compile(r"\s+")

SDK_ERRORS: Final = (errors.BotoCoreError, errors.ClientError, ResponseParserError)
"""What a call may raise; anything else is a bug."""


@frozen(kw_only=True)
class Verdict:
    """Why something failed: the reason of the taxonomy, a line for people, an HTTP status."""

    failure: Failure
    detail: str
    status: int | None = None

    def outcome(self) -> Outcome:
        """Return it as the outcome of an attempt."""
        return Outcome.failed(self.failure, self.detail, http_status=self.status)


class Refused(Exception):
    """Nothing can be sent like that; raised before a request is made."""

    def __init__(self, failure: Failure, detail: str) -> None:
        self.verdict = Verdict(failure=failure, detail=detail)
        super().__init__(detail)


def of_error(error: Exception) -> Verdict:
    """Return what one of `SDK_ERRORS` means for all entries of a call."""
    if isinstance(error, errors.ClientError):
        return _of_response(error.response)
    if isinstance(error, ResponseParserError):
        return Verdict(failure=Failure.UNAVAILABLE, detail=_line("no answer of AWS", str(error)))
    text = _line(type(error).__name__, str(error))
    if isinstance(error, errors.ReadTimeoutError | errors.ConnectTimeoutError):
        return Verdict(failure=Failure.TIMED_OUT, detail=text)
    if isinstance(error, errors.ConnectionError | errors.HTTPClientError):
        return Verdict(failure=Failure.NETWORK, detail=text)
    if isinstance(error, _MISSING):
        return Verdict(
            failure=Failure.CREDENTIALS,
            detail=f"{text}; give a profile or keys in the subscription's options or in SINKS, "
            "or the environment of the worker its credentials",
        )
    if isinstance(error, errors.NoRegionError):
        return Verdict(
            failure=Failure.INVALID,
            detail="no region: name it by an ARN, in the subscription's options, in SINKS or "
            "as AWS_DEFAULT_REGION",
        )
    if isinstance(
        error,
        errors.ParamValidationError | errors.ValidationError | errors.BaseEndpointResolverError,
    ):
        return Verdict(failure=Failure.INVALID, detail=text)
    return Verdict(failure=Failure.UNAVAILABLE, detail=text)


def of_entry(code: str, message: str | None, *, ours: bool | None = None) -> Verdict:
    """Return what the refusal of one entry of a batch means.

    `ours` is SenderFault, which SQS and SNS tell. A code that is unknown is retried unless the
    service says that the fault is ours.
    """
    known = CODES.get(code, Failure.INVALID if ours else Failure.UNAVAILABLE)
    return Verdict(failure=known, detail=_detail(known, code, message or ""))


def unanswered() -> Verdict:
    """Return the verdict on an entry that the answer does not mention."""
    return Verdict(failure=Failure.UNAVAILABLE, detail="the answer does not mention this entry")


def of_status(status: int) -> Failure:
    """Return what an HTTP status means where the code is not known."""
    if status >= 500:
        return Failure.UNAVAILABLE
    return _STATUSES.get(status, Failure.INVALID if status >= 400 else Failure.UNAVAILABLE)


def _of_response(response: Any) -> Verdict:
    error = response.get("Error", {})
    metadata = response.get("ResponseMetadata", {})
    status = int(metadata.get("HTTPStatusCode", 0))
    code = str(error.get("Code") or "unknown error")
    failure = CODES.get(code) or of_status(status)
    detail = _detail(failure, code, str(error.get("Message") or ""))
    if metadata.get("RequestId"):
        detail += f" (request {metadata['RequestId']})"
    return Verdict(failure=failure, detail=detail, status=status or None)


def _detail(failure: Failure, code: str, message: str) -> str:
    if failure is Failure.CREDENTIALS:
        return f"{code}: {_ADVICE.get(code, _ANY_ADVICE)}"
    return _line(code, message)


def _line(what: str, message: str) -> str:
    text = _SPACES.sub(" ", message).strip()
    return f"{what}: {text}"[:_LONGEST] if text else what
