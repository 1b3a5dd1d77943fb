"""What errors of AWS and of its SDK mean; each row of docs/reference/aws.md."""

from __future__ import annotations

import pytest
from botocore import exceptions as sdk
from botocore.stub import Stubber

from asyncevents_aws.config import SqsConfig
from asyncevents_aws.failures import CODES, NoRegion, of_code, of_exception
from asyncevents_aws.kinds import SqsSinkType
from asyncevents_core import Failure, OutcomeKind
from asyncevents_core.testing.builders import make_request
from asyncevents_core.testing.driver import driven, reason_of
from aws_places import REGION

QUEUE = f"https://sqs.{REGION}.amazonaws.com/123456789012/orders"
PAIRS = [(code, failure) for failure, codes in CODES.items() for code in codes]


@pytest.mark.parametrize(("code", "failure"), PAIRS, ids=[code for code, _ in PAIRS])
def test_codes(code, failure):
    outcome = of_code(code, "because", status=400)
    assert reason_of(outcome) is failure
    assert f"{code}: because" in outcome.detail


@pytest.mark.parametrize(
    ("status", "ours", "failure"),
    [
        (500, True, Failure.UNAVAILABLE),
        (503, True, Failure.UNAVAILABLE),
        (429, True, Failure.THROTTLED),
        (400, True, Failure.INVALID),
        (None, True, Failure.INVALID),
        (None, False, Failure.UNAVAILABLE),
    ],
)
def test_codes_that_nobody_knows(status, ours, failure):
    assert reason_of(of_code("Surprise", "", status=status, ours=ours)) is failure


URL = {"endpoint_url": QUEUE}
ERRORS = [
    (sdk.NoCredentialsError(), Failure.CREDENTIALS),
    (sdk.PartialCredentialsError(provider="env", cred_var="secret_key"), Failure.CREDENTIALS),
    (sdk.CredentialRetrievalError(provider="p", error_msg="no"), Failure.CREDENTIALS),
    (sdk.TokenRetrievalError(provider="sso", error_msg="no"), Failure.CREDENTIALS),
    (sdk.UnauthorizedSSOTokenError(), Failure.CREDENTIALS),
    (sdk.ProfileNotFound(profile="p"), Failure.CREDENTIALS),
    (sdk.NoRegionError(), Failure.CREDENTIALS),
    (NoRegion(), Failure.CREDENTIALS),
    (sdk.ConnectTimeoutError(**URL), Failure.TIMED_OUT),
    (sdk.ReadTimeoutError(**URL), Failure.TIMED_OUT),
    (sdk.EndpointConnectionError(**URL), Failure.NETWORK),
    (sdk.ConnectionClosedError(**URL), Failure.NETWORK),
    (sdk.SSLError(error="bad", **URL), Failure.NETWORK),
    (sdk.ProxyConnectionError(proxy_url="http://p", error="bad"), Failure.NETWORK),
    (sdk.ParamValidationError(report="bad"), Failure.INVALID),
    (sdk.BotoCoreError(), Failure.UNAVAILABLE),
]


@pytest.mark.parametrize(
    ("error", "failure"), ERRORS, ids=[type(error).__name__ for error, _ in ERRORS]
)
def test_errors_of_the_sdk(error, failure):
    outcome = of_exception(error, 10.0)
    assert outcome is not None
    assert reason_of(outcome) is failure
    assert (outcome.kind is OutcomeKind.RETRYABLE) == failure.retried
    assert outcome.timed_out == (failure is Failure.TIMED_OUT)


def test_other_errors_are_bugs():
    assert of_exception(ZeroDivisionError(), 10.0) is None


async def test_without_credentials_it_says_what_to_do():
    async with driven(SqsSinkType(), SqsConfig(timeout=1.0)) as sink:
        outcome = await sink.deliver(make_request(target=QUEUE), 5.0)
    assert outcome.detail.startswith("credentials: NoCredentialsError: ")
    assert "renew them" in outcome.detail


async def test_a_profile_that_is_not_there():
    async with driven(SqsSinkType(), SqsConfig(profile="nobody")) as sink:
        outcome = await sink.deliver(make_request(target=QUEUE), 5.0)
    assert "nobody" in outcome.detail
    assert reason_of(outcome) is Failure.CREDENTIALS


async def test_credentials_that_the_settings_lost(settings):
    async with driven(SqsSinkType(), SqsConfig(**settings)) as sink:
        request = make_request(target=QUEUE, options={"credentials": "billing"})
        outcome = await sink.deliver(request, 5.0)
    assert outcome.detail == ("credentials: the settings have no credentials 'billing' (any more)")


def test_entries_fail_by_themselves():
    sink = SqsSinkType().open(SqsConfig(access_key_id="a", secret_access_key="b"))
    requests = [make_request(target=QUEUE) for _ in range(4)]
    account = sink._account(sink.read(QUEUE), sink.options(requests[0]))
    answer = {
        "Successful": [{"Id": "2", "MessageId": "m", "MD5OfMessageBody": "x"}],
        "Failed": [
            {"Id": "0", "Code": "KmsThrottled", "SenderFault": True, "Message": "busy"},
            {"Id": "1", "Code": "InternalError", "SenderFault": False},
        ],
    }
    with Stubber(sink._clients.get(account)) as stub:
        stub.add_response("send_message_batch", answer)
        outcomes = sink.deliver_batch(requests, 5.0)
    assert [reason_of(one) for one in outcomes] == [
        Failure.THROTTLED,
        Failure.UNAVAILABLE,
        None,
        Failure.UNAVAILABLE,
    ]
    assert outcomes[2].kind is OutcomeKind.DELIVERED
    assert "does not mention" in outcomes[3].detail
    sink.close()


def test_what_is_refused_as_a_whole_is_sent_one_by_one():
    sink = SqsSinkType().open(SqsConfig(access_key_id="a", secret_access_key="b"))
    requests = [make_request(target=QUEUE) for _ in range(2)]
    account = sink._account(sink.read(QUEUE), sink.options(requests[0]))
    good = {"Successful": [{"Id": "0", "MessageId": "m", "MD5OfMessageBody": "x"}], "Failed": []}
    with Stubber(sink._clients.get(account)) as stub:
        stub.add_client_error("send_message_batch", "InvalidParameterValue", "one is bad")
        stub.add_client_error("send_message_batch", "InvalidParameterValue", "this one")
        stub.add_response("send_message_batch", good)
        outcomes = sink.deliver_batch(requests, 5.0)
    assert [reason_of(one) for one in outcomes] == [Failure.INVALID, None]
    assert "this one" in outcomes[0].detail
    sink.close()
