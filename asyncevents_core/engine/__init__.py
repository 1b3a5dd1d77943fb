"""The use cases: the state machine, written against the ports only.

publish (T0) · claims (T1) · outcomes (T2) · due (T3) · sweep (T4) · replay (T5)
"""
