"""The scenarios, in the order in which they run. Importing it needs the group `bench`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tests.benchmarks.scenario import Scenario
from tests.benchmarks.scenarios.asking import Asking
from tests.benchmarks.scenarios.cleaning import Cleaning
from tests.benchmarks.scenarios.delivery import Delivery
from tests.benchmarks.scenarios.fan_out import FanOut
from tests.benchmarks.scenarios.filtering import Filtering
from tests.benchmarks.scenarios.footprint import Footprint
from tests.benchmarks.scenarios.growth import Growth
from tests.benchmarks.scenarios.indexing import Indexing
from tests.benchmarks.scenarios.inserts import Inserts
from tests.benchmarks.scenarios.isolation import Isolation
from tests.benchmarks.scenarios.latency import Latency
from tests.benchmarks.scenarios.matching import Matching
from tests.benchmarks.scenarios.memory import Memory
from tests.benchmarks.scenarios.pages import Pages
from tests.benchmarks.scenarios.publishing import Publishing
from tests.benchmarks.scenarios.rest import Rest
from tests.benchmarks.scenarios.scaling import Scaling
from tests.benchmarks.scenarios.searching import Searching
from tests.benchmarks.scenarios.services import SlowServices
from tests.benchmarks.scenarios.sinks import Sinks
from tests.benchmarks.scenarios.snapshot import Snapshot
from tests.benchmarks.scenarios.start_up import StartUp
from tests.benchmarks.scenarios.transports import Transports
from tests.benchmarks.scenarios.watching import Watching

SCENARIOS: Final[Sequence[Scenario]] = (
    Delivery(),
    Transports(),
    Publishing(),
    Inserts(),
    Latency(),
    FanOut(),
    Matching(),
    Filtering(),
    Asking(),
    Watching(),
    Isolation(),
    SlowServices(),
    Scaling(),
    Sinks(),
    StartUp(),
    Memory(),
    Footprint(),
    Growth(),
    Snapshot(),
    Cleaning(),
    Rest(),
    Pages(),
    Indexing(),
    Searching(),
)
