"""What each error of AWS means: every row of the table, for each service and each entry."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from botocore import exceptions as errors
from botocore.parsers import ResponseParserError
from botocore.stub import Stubber

from amazon import ACCOUNT, KEYS, REGION, client_of, make_request
from asyncevents_aws.failures import CODES, of_entry, of_error, of_status
from asyncevents_aws.kinds import (
    EventBridgeSinkType,
    KinesisSinkType,
    SnsSinkType,
    SqsSinkType,
)
from asyncevents_core.plugin import Failure, OutcomeKind

REFERENCE = Path(__file__).parents[3] / "docs/reference/aws.md"
SINKS = {
    "eventbridge": (EventBridgeSinkType(), "orders", "put_events"),
    "sqs": (
        SqsSinkType(),
        f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/orders",
        "send_message_batch",
    ),
    "sns": (SnsSinkType(), f"arn:aws:sns:{REGION}:{ACCOUNT}:orders", "publish_batch"),
    "kinesis": (KinesisSinkType(), "orders", "put_records"),
}


@pytest.fixture(scope="module", params=SINKS)
def opened(request):
    kind, target, call = SINKS[request.param]
    sink = kind.open(kind.config_class(region=REGION, **KEYS))
    yield sink, target, call
    sink.close()


@pytest.fixture
def stubbed(opened):
    """Each sink, with a stub instead of the network: sink, target, stub, name of the call."""
    sink, target, call = opened
    with Stubber(client_of(sink, target)) as stub:
        yield sink, target, stub, call


@pytest.mark.parametrize("code", CODES)
def test_each_code_has_its_outcome(stubbed, code):
    sink, target, stub, call = stubbed
    stub.add_client_error(call, code, "something went wrong", 400)
    outcome = sink.deliver(make_request(kind=sink.name, target=target), 15.0)
    retried = CODES[code].retried
    assert outcome.kind is (OutcomeKind.RETRYABLE if retried else OutcomeKind.PERMANENT)
    assert outcome.detail.startswith(f"{CODES[code]}: {code}: ")
    assert outcome.timed_out == (CODES[code] is Failure.TIMED_OUT)
    assert outcome.http_status == 400
    stub.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("status", "failure"),
    [
        (400, Failure.INVALID),
        (401, Failure.CREDENTIALS),
        (403, Failure.DENIED),
        (404, Failure.UNKNOWN_TARGET),
        (408, Failure.TIMED_OUT),
        (409, Failure.INVALID),
        (413, Failure.TOO_LARGE),
        (429, Failure.THROTTLED),
        (500, Failure.UNAVAILABLE),
        (503, Failure.UNAVAILABLE),
        (301, Failure.UNAVAILABLE),
    ],
)
def test_of_a_code_that_is_unknown_the_status_decides(stubbed, status, failure):
    sink, target, stub, call = stubbed
    stub.add_client_error(call, "NobodyKnowsThis", "why", status)
    outcome = sink.deliver(make_request(kind=sink.name, target=target), 15.0)
    assert outcome.detail.startswith(f"{failure}: NobodyKnowsThis")
    assert outcome.http_status == status
    assert of_status(status) is failure


URL = {"endpoint_url": "http://127.0.0.1:1"}


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (errors.ReadTimeoutError(**URL), Failure.TIMED_OUT),
        (errors.ConnectTimeoutError(**URL), Failure.TIMED_OUT),
        (errors.EndpointConnectionError(**URL), Failure.NETWORK),
        (errors.ConnectionClosedError(**URL), Failure.NETWORK),
        (errors.SSLError(**URL, error="certificate"), Failure.NETWORK),
        (errors.ProxyConnectionError(proxy_url="http://127.0.0.1:1"), Failure.NETWORK),
        (errors.HTTPClientError(error="broken"), Failure.NETWORK),
        (errors.NoCredentialsError(), Failure.CREDENTIALS),
        (errors.PartialCredentialsError(provider="env", cred_var="X"), Failure.CREDENTIALS),
        (errors.CredentialRetrievalError(provider="sso", error_msg="x"), Failure.CREDENTIALS),
        (errors.TokenRetrievalError(provider="sso", error_msg="x"), Failure.CREDENTIALS),
        (errors.UnauthorizedSSOTokenError(), Failure.CREDENTIALS),
        (errors.SSOTokenLoadError(error_msg="x"), Failure.CREDENTIALS),
        (errors.ProfileNotFound(profile="x"), Failure.CREDENTIALS),
        (errors.ConfigParseError(path="x"), Failure.CREDENTIALS),
        (errors.InfiniteLoopConfigError(source_profile="x", visited_profiles=[]),
         Failure.CREDENTIALS),
        (errors.MetadataRetrievalError(error_msg="x"), Failure.CREDENTIALS),
        (errors.NoRegionError(), Failure.INVALID),
        (errors.InvalidRegionError(region_name="x y"), Failure.INVALID),
        (errors.ParamValidationError(report="x"), Failure.INVALID),
        (ResponseParserError("<html>"), Failure.UNAVAILABLE),
        (errors.BotoCoreError(), Failure.UNAVAILABLE),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, Exception) else str(one),
)  # fmt: skip
def test_errors_of_the_sdk(error, failure):
    verdict = of_error(error)
    assert verdict.failure is failure
    assert verdict.detail


@pytest.mark.parametrize(
    ("code", "ours", "failure"),
    [
        ("InternalFailure", None, Failure.UNAVAILABLE),
        ("ProvisionedThroughputExceededException", None, Failure.THROTTLED),
        ("NotAuthorizedForSourceException", None, Failure.DENIED),
        ("InvalidMessageContents", True, Failure.INVALID),
        # Who is to blame is asked only where the code does not say.
        ("KmsThrottled", True, Failure.THROTTLED),
        ("NobodyKnowsThis", True, Failure.INVALID),
        ("NobodyKnowsThis", False, Failure.UNAVAILABLE),
        ("NobodyKnowsThis", None, Failure.UNAVAILABLE),
    ],
)
def test_entries_have_outcomes_of_their_own(code, ours, failure):
    verdict = of_entry(code, "because", ours=ours)
    assert (verdict.failure, verdict.detail) == (failure, f"{code}: because")


def test_expired_credentials_say_what_to_do_and_repeat_nothing_of_the_request(stubbed):
    sink, target, stub, call = stubbed
    stub.add_client_error(call, "ExpiredToken", "x-amz-security-token:session-token", 400)
    outcome = sink.deliver(make_request(kind=sink.name, target=target), 15.0)
    assert outcome.kind is OutcomeKind.RETRYABLE
    assert "the session token has expired; renew it" in outcome.detail
    assert "security-token" not in outcome.detail


def test_keys_that_are_given_and_refused_do_not_cost_a_client_for_every_attempt(stubbed):
    sink, target, stub, call = stubbed
    before = client_of(sink, target)
    stub.add_client_error(call, "ExpiredToken", "no", 400)
    sink.deliver(make_request(kind=sink.name, target=target), 15.0)
    assert client_of(sink, target) is before


def test_an_error_names_the_request_and_is_short(stubbed):
    sink, target, stub, call = stubbed
    stub.add_client_error(call, "ValidationException", "a\n  b " + "x" * 1000, 400,
                          response_meta={"RequestId": "abc-1"})  # fmt: skip
    outcome = sink.deliver(make_request(kind=sink.name, target=target), 15.0)
    assert "ValidationException: a b xxx" in outcome.detail
    assert outcome.detail.endswith(" (request abc-1)")
    assert len(outcome.detail) < 400


ANSWERS = {
    "eventbridge": (
        {"FailedEntryCount": 1, "Entries": [{"EventId": "e-1"},
                                            {"ErrorCode": "InternalFailure", "ErrorMessage": "x"},
                                            {"EventId": "e-3"}]},
        "event e-1",
        "event e-3",
    ),
    "sqs": (
        {"Successful": [{"Id": "2", "MessageId": "m-3", "MD5OfMessageBody": "x"},
                        {"Id": "0", "MessageId": "m-1", "MD5OfMessageBody": "x"}],
         "Failed": [{"Id": "1", "SenderFault": False, "Code": "InternalFailure", "Message": "x"}]},
        "message m-1",
        "message m-3",
    ),
    "sns": (
        {"Successful": [{"Id": "2", "MessageId": "m-3"}, {"Id": "0", "MessageId": "m-1"}],
         "Failed": [{"Id": "1", "SenderFault": False, "Code": "InternalFailure", "Message": "x"}]},
        "message m-1",
        "message m-3",
    ),
    "kinesis": (
        {"FailedRecordCount": 1, "Records": [{"SequenceNumber": "1", "ShardId": "s"},
                                             {"ErrorCode": "InternalFailure", "ErrorMessage": "x"},
                                             {"SequenceNumber": "3", "ShardId": "s"}]},
        "s, 1",
        "s, 3",
    ),
}  # fmt: skip


def test_a_partial_failure_is_the_fate_of_its_own_delivery_only(stubbed):
    sink, target, stub, call = stubbed
    answer, first, last = ANSWERS[sink.name]
    stub.add_response(call, answer)
    outcomes = sink.deliver_batch(
        [make_request(kind=sink.name, target=target) for _ in range(3)], 15.0
    )
    assert [one.kind.value for one in outcomes] == ["delivered", "retryable", "delivered"]
    assert [one.detail for one in outcomes] == [first, "unavailable: InternalFailure: x", last]


EMPTY = {
    "eventbridge": {"Entries": []},
    "sqs": {"Successful": [], "Failed": []},
    "sns": {},
    # botocore's stub wants one record at least.
    "kinesis": {"Records": [{"SequenceNumber": "1", "ShardId": "s"}]},
}


def test_an_entry_that_the_answer_leaves_out_is_retried(stubbed):
    sink, target, stub, call = stubbed
    stub.add_response(call, EMPTY[sink.name])
    outcome = sink.deliver_batch(
        [make_request(kind=sink.name, target=target) for _ in range(2)], 15.0
    )[-1]
    assert outcome.kind is OutcomeKind.RETRYABLE
    assert "does not mention" in outcome.detail


def test_one_that_spoils_the_whole_call_is_found_and_the_others_arrive(stubbed):
    sink, target, stub, call = stubbed
    requests = [make_request(kind=sink.name, target=target) for _ in range(4)]
    # Four together, two, the first alone, the second alone, the other two.
    good = ANSWERS[sink.name][0]
    stub.add_client_error(call, "ValidationException", "bad", 400)
    stub.add_client_error(call, "ValidationException", "bad", 400)
    stub.add_response(call, _for(good, 1))
    stub.add_client_error(call, "ValidationException", "bad", 400)
    stub.add_response(call, _for(good, 2, first=2))
    outcomes = sink.deliver_batch(requests, 15.0)
    assert [one.kind.value for one in outcomes] == [
        "delivered", "permanent", "delivered", "delivered"
    ]  # fmt: skip
    stub.assert_no_pending_responses()


def _for(answer, count, *, first=0):
    """Return an answer that accepts so many entries, numbered from `first` on."""
    made = {}
    for name, value in answer.items():
        if name == "Successful":
            made[name] = [{**value[0], "Id": str(first + n)} for n in range(count)]
        elif name in {"Entries", "Records"}:
            made[name] = [value[0]] * count
        elif name == "Failed":
            made[name] = []
    return made


def test_what_is_throttled_as_a_whole_is_not_sent_again(stubbed):
    sink, target, stub, call = stubbed
    stub.add_client_error(call, "ThrottlingException", "slow down", 400)
    outcomes = sink.deliver_batch(
        [make_request(kind=sink.name, target=target) for _ in range(4)], 15.0
    )
    assert {one.kind for one in outcomes} == {OutcomeKind.RETRYABLE}
    stub.assert_no_pending_responses()


@pytest.mark.parametrize("kind", [one[0] for one in SINKS.values()], ids=SINKS)
def test_a_server_in_front_that_answers_nonsense_is_unavailable(faulty, kind):
    page = b"<html><body>Bad Gateway</body></html>"
    url = faulty(502, page, [("content-type", "text/html")])
    config = kind.config_class(region=REGION, endpoint_url=url, **KEYS)
    sink = kind.open(config)
    outcome = sink.deliver(make_request(kind=kind, target=SINKS[kind.name][1]), 15.0)
    sink.close()
    assert (outcome.kind, outcome.http_status) == (OutcomeKind.RETRYABLE, 502)
    assert outcome.detail.startswith("unavailable: ")


def test_the_code_of_a_real_answer_is_read(faulty):
    body = json.dumps({"__type": "com.amazonaws.sqs#KmsThrottled", "message": "busy"}).encode()
    header = ("x-amzn-query-error", "KMS.ThrottlingException;Sender")
    url = faulty(400, body, [header])
    sink = SqsSinkType().open(SqsSinkType.config_class(endpoint_url=url, **KEYS))
    outcome = sink.deliver(make_request(target=SINKS["sqs"][1]), 15.0)
    sink.close()
    assert outcome.kind is OutcomeKind.RETRYABLE
    assert outcome.detail == "throttled: KMS.ThrottlingException: busy"


def test_nobody_listening_is_a_matter_of_the_network():
    sink = KinesisSinkType().open(
        KinesisSinkType.config_class(region=REGION, **KEYS, endpoint_url="http://127.0.0.1:1")
    )
    outcome = sink.deliver(make_request(kind=sink.name, target="orders"), 15.0)
    sink.close()
    assert outcome.kind is OutcomeKind.RETRYABLE
    assert outcome.detail.startswith("network: EndpointConnectionError: ")


def test_the_reference_has_every_code_in_its_row():
    rows = dict(re.findall(r"^\| \*\*(.+?)\*\* \|(.*)\|$", REFERENCE.read_text(), re.MULTILINE))
    assert set(rows) == {one.value for one in Failure}
    documented = {
        code: name for name, row in rows.items() for code in re.findall(r"`([\w.]+)`", row)
    }
    codes = {code: failure.value for code, failure in CODES.items()}
    assert {code: documented.get(code) for code in codes} == codes
