"""The use cases: the state machine, written against the ports only.

The comments name its transactions T0 to T6; docs/explanation/state-machine.md describes each:

T0 (publish)    publish     an event goes into the ledger
T1 (claim)      claims      a worker takes events: T1a starts a service, T1b fans out
T2 (outcome)    outcomes    what attempts came to
T3 (due)        due         a worker takes deliveries that are due
T4 (sweep)      sweep       events without a hand-off, vanished workers, held deliveries
T5 (replay)     replay      a new delivery of the stored bytes
T6 (clean-up)   cleanup     old events are deleted
"""
