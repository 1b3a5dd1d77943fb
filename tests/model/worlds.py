"""Which properties are checked, and in which worlds: small enough to visit every state."""

from __future__ import annotations

from typing import Final

from tests.model.checking import ASSERTIONS, Check

_CALM: Final = {"KILLS": 0, "LATE": 0, "LOST": 0, "ENDINGS": 0}

ROUGH: Final = Check(model="delivery", prop=ASSERTIONS)
"""A kill, a lease that runs out too early, a session that ends, a lost answer, a failure."""
RECORDED: Final = Check(model="delivery", prop="recorded")
ENDS: Final = Check(model="delivery", prop="ends", world={"LOST": 0, "ENDINGS": 0})
KILLED: Final = Check(model="delivery", prop="ends", world={**_CALM, "KILLS": 1})
FROZEN: Final = Check(model="delivery", prop="ends", world={**_CALM, "FROZEN": 1})
SWITCHED: Final = Check(model="delivery", prop="ends", world={**_CALM, "SWITCHES": 1, "KILLS": 1})
DELETED: Final = Check(
    model="delivery", prop=ASSERTIONS, world={"KILLS": 0, "LOST": 0, "SWITCHES": 2}
)
OTHERS_GO_ON: Final = Check(
    model="delivery",
    prop="others_go_on",
    world={**_CALM, "N": 2, "FROZEN": 1, "PATIENT": 1},
)
JUSTICE: Final = Check(model="suspects", prop="justice")
SUSPECTS_END: Final = Check(model="suspects", prop="ends")

ALL: Final = {
    "rough": ROUGH,
    "recorded": RECORDED,
    "ends": ENDS,
    "killed": KILLED,
    "frozen": FROZEN,
    "switched": SWITCHED,
    "deleted": DELETED,
    "others go on": OTHERS_GO_ON,
    "justice": JUSTICE,
    "suspects end": SUSPECTS_END,
}
