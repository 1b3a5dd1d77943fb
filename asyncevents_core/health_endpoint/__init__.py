"""What operators' tools ask a process: whether it lives, whether it is ready, and its numbers.

`endpoint` answers; `seats` finds the other processes of asyncevents on the same machine, which are
answered for, too; `probe` is what a process says of itself.
"""

from asyncevents_core.health_endpoint.endpoint import HealthEndpoint, open_endpoint
from asyncevents_core.health_endpoint.probe import Probe

__all__ = ["HealthEndpoint", "Probe", "open_endpoint"]
