"""`SinkConformance`: what every sink must do."""

from __future__ import annotations

from asyncevents_core.testing.conformance.sink_batches import SinkBatchTests
from asyncevents_core.testing.conformance.sink_closing import SinkClosingTests
from asyncevents_core.testing.conformance.sink_deadlines import SinkDeadlineTests
from asyncevents_core.testing.conformance.sink_deliveries import (
    SinkDeliveryTests,
    SinkDescriptionTests,
    SinkInfluenceTests,
)
from asyncevents_core.testing.conformance.sink_failures import SinkFailureTests
from asyncevents_core.testing.conformance.sink_purity import SinkPurityTests
from asyncevents_core.testing.conformance.sink_secrets import SinkPrivilegeTests, SinkSecretTests


class SinkConformance(
    SinkDescriptionTests,
    SinkPurityTests,
    SinkDeliveryTests,
    SinkInfluenceTests,
    SinkFailureTests,
    SinkDeadlineTests,
    SinkClosingTests,
    SinkSecretTests,
    SinkPrivilegeTests,
    SinkBatchTests,
):
    """Override the fixtures `sink_type`, `target` and `received`; the others have defaults.

    * `sink_type`: the type under test; `config`: its configuration.
    * `target`: a target that accepts everything; `options`: those of its subscriptions.
    * `received`: a function that returns the bodies that have arrived there so far, as bytes, in
      any order.
    * `own_options`: options with which a delivery uses nothing of the operator's: no privilege.
    * `bad_targets`, `bad_options`: what must be refused when subscribing.
    * `unreachable`: a target that is well formed and cannot be delivered to.
    * `hanging`: a target that takes the request and never answers.
    * `failures`: for each `Failure` that can be provoked, a target, or a whole `DeliveryRequest`.
    * `elsewhere`: another target that accepts everything, and a function as `received`.
    * `requests_at`: a function that returns how many requests have come to a target.
    * `seen_beside`: a function that returns what has come beside each body at `target`, in order;
      `other_options`, `other_config`: those that make a difference to it.
    * `deduplicates`: True where an event arrives once, however often it is sent.
    * `secret`, `secret_config`, `secret_options`: a secret, and where it stands; the default puts
      it into every field that is marked with ``metadata={SECRET: True}``.

    Make requests with the fixture `new_request`, and open sinks with `sink` (as it is) or
    `driven_sink` (as a worker drives it). A batching sink is tested with batches, too. Tests whose
    fixtures are not overridden are skipped, and say so.
    """
