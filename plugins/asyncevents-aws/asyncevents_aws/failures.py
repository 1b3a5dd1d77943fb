"""What an error of AWS, or of its SDK, means for a delivery."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from botocore import exceptions as sdk

from asyncevents_core import Failure, Outcome

LONGEST_TEXT: Final = 400

# The codes of all four services, their older spellings too: the service models of botocore, and
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
CODES: Final[Mapping[Failure, tuple[str, ...]]] = MappingProxyType(
    {
        Failure.THROTTLED: (
            "BandwidthLimitExceeded",
            "KMS.ThrottlingException",
            "KMSThrottling",
            "KMSThrottlingException",
            "KmsThrottled",
            "LimitExceededException",
            "ProvisionedThroughputExceededException",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "SlowDown",
            "Throttled",
            "ThrottledException",
            "Throttling",
            "ThrottlingException",
            "TooManyRequestsException",
        ),
        # A key that is disabled, or is being changed, is mended without a change to the delivery.
        Failure.UNAVAILABLE: (
            "InternalError",
            "InternalErrorException",
            "InternalException",
            "InternalFailure",
            "InternalFailureException",
            "InternalServerError",
            "KMS.DisabledException",
            "KMSDisabled",
            "KMSDisabledException",
            "KMSInvalidState",
            "KMSInvalidStateException",
            "KmsDisabled",
            "KmsInvalidState",
            "ServiceUnavailable",
            "ServiceUnavailableException",
        ),
        Failure.TIMED_OUT: ("RequestTimeout", "RequestTimeoutException"),
        Failure.CREDENTIALS: (
            "AuthFailure",
            "ExpiredToken",
            "ExpiredTokenException",
            "IncompleteSignature",
            "InvalidAccessKeyId",
            "InvalidClientTokenId",
            "InvalidSignatureException",
            "MissingAuthenticationToken",
            "MissingAuthenticationTokenException",
            "RequestExpired",
            "SignatureDoesNotMatch",
            "TokenRefreshRequired",
            "UnrecognizedClientException",
        ),
        Failure.UNKNOWN_TARGET: (
            "AWS.SimpleQueueService.NonExistentQueue",
            "NotFound",
            "NotFoundException",
            "QueueDoesNotExist",
            "ResourceNotFound",
            "ResourceNotFoundException",
        ),
        Failure.DENIED: (
            "AccessDenied",
            "AccessDeniedException",
            "AuthorizationError",
            "AuthorizationErrorException",
            "KMS.AccessDeniedException",
            "KMSAccessDenied",
            "KMSAccessDeniedException",
            "KMSOptInRequired",
            "KmsAccessDenied",
            "KmsOptInRequired",
            "NotAuthorized",
            "NotAuthorizedForSourceException",
            "OptInRequired",
            "UnauthorizedOperation",
        ),
        Failure.TOO_LARGE: (
            "AWS.SimpleQueueService.BatchRequestTooLong",
            "BatchRequestTooLong",
            "BatchRequestTooLongException",
            "RequestEntityTooLarge",
        ),
    }
)
"""Any other code is `INVALID`, unless its HTTP status says otherwise."""

_BY_CODE: Final = {code: failure for failure, codes in CODES.items() for code in codes}

_ADVICE: Final[Mapping[Failure, str]] = MappingProxyType(
    {
        Failure.CREDENTIALS: (
            "renew them: the SDK's chain (environment, profile, role), SINKS, or the options of "
            "the subscription"
        ),
        Failure.UNKNOWN_TARGET: "create it, or correct the target, its region or its account",
        Failure.DENIED: "allow the action in the policies of the identity and of the target",
    }
)

_NO_CREDENTIALS: Final = (
    sdk.NoCredentialsError,
    sdk.PartialCredentialsError,
    sdk.CredentialRetrievalError,
    sdk.TokenRetrievalError,
    sdk.SSOError,
    sdk.ProfileNotFound,
    sdk.ConfigParseError,
)
_TIMED_OUT: Final = (sdk.ConnectTimeoutError, sdk.ReadTimeoutError)
_NETWORK: Final = (sdk.HTTPClientError, sdk.ConnectionError)


class NoRegion(Exception):
    """Nothing says which region a target is in."""


def of_code(code: str, message: str, *, status: int | None = None, ours: bool = True) -> Outcome:
    """Return the outcome of an error by its code.

    `status` is the HTTP status of the answer, if the whole call failed; `ours` tells whose fault
    AWS says it is, which counts for codes that are not known.
    """
    failure = _BY_CODE.get(code)
    if failure is None and status is not None and status >= 500:
        failure = Failure.UNAVAILABLE
    if failure is None and status == 429:
        failure = Failure.THROTTLED
    if failure is None:
        failure = Failure.INVALID if ours else Failure.UNAVAILABLE
    return _advised(failure, f"{code}: {message}" if message else code, status)


def of_exception(error: Exception, timeout: float) -> Outcome | None:
    """Return the outcome of a call that raised; None for what is no error of the SDK."""
    if isinstance(error, sdk.ClientError):
        answer = error.response
        told = answer.get("Error", {})
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
        return of_code(str(told.get("Code", "?")), str(told.get("Message", "")), status=status)
    if isinstance(error, NoRegion | sdk.NoRegionError):
        return Outcome.failed(
            Failure.CREDENTIALS,
            "no region: name it in an ARN or URL as the target, in the option `region`, in SINKS, "
            "or in AWS_DEFAULT_REGION",
        )
    if isinstance(error, _NO_CREDENTIALS):
        return _advised(Failure.CREDENTIALS, _line(error))
    if isinstance(error, _TIMED_OUT):
        return Outcome.failed(Failure.TIMED_OUT, f"no answer within {timeout:g} s")
    if isinstance(error, _NETWORK):
        return Outcome.failed(Failure.NETWORK, _line(error))
    if isinstance(error, sdk.ParamValidationError):
        return Outcome.failed(Failure.INVALID, _line(error))
    if isinstance(error, sdk.BotoCoreError):
        # Not known to be final, so it is not.
        return Outcome.failed(Failure.UNAVAILABLE, _line(error))
    return None


def too_large(size: int, limit: int, what: str) -> Outcome:
    """Return the outcome of what is not even sent."""
    return Outcome.failed(Failure.TOO_LARGE, f"{size:,} bytes; {what} takes at most {limit:,}")


def _advised(failure: Failure, text: str, status: int | None = None) -> Outcome:
    advice = _ADVICE.get(failure)
    detail = text[:LONGEST_TEXT] + (f"; {advice}" if advice else "")
    return Outcome.failed(failure, detail, status=status)


def _line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())[:LONGEST_TEXT]
