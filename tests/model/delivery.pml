/* One event without a service, its deliveries, and two workers that race for them.
 *
 * A transaction takes its locks, and commits later: in a gap between both, its worker may be
 * killed, may freeze for ever, and the server may end its session. A worker that is not scheduled
 * for a while is a worker that is frozen for a while, so a lease may run out at any moment.
 * Each MUTANT breaks one rule; 0: none. docs/explanation/model.md explains all of it.
 */
#ifndef MUTANT
#define MUTANT 0
#endif
#ifndef N
#define N 1                 /* deliveries, one per subscription: 1 or 2 */
#endif
#ifndef KILLS
#define KILLS 1
#endif
#ifndef FROZEN
#define FROZEN 0            /* workers that freeze within a transaction for ever */
#endif
#ifndef LATE
#define LATE 1              /* leases that run out although their owner is at work */
#endif
#ifndef ENDINGS
#define ENDINGS 1           /* sessions that are ended although their client lives */
#endif
#ifndef PATIENT
#define PATIENT 0           /* 1: the server lets the locks of a frozen client be */
#endif
#ifndef LOST
#define LOST 1              /* commits whose answer is lost: the transaction is run again */
#endif
#ifndef FAILURES
#define FAILURES 1          /* requests that are answered with an error */
#endif
#ifndef SWITCHES
#define SWITCHES 0          /* 1: the subscription is disabled, and enabled; 2: then deleted */
#endif
#define WORKERS 2
#define NOBODY 0
#define CLAIMS 7            /* no delivery is claimed more often */
#define MAXIMUM_DEATHS 3
#define POISON_AFTER 5

mtype = { open, fanned_out };
mtype = { absent, waiting, leased, held, delivered, dead, cancelled };
mtype = { none, abandoned, success, failure };

/* The ledger. */
mtype event_state = open;
byte event_lock = NOBODY;
mtype state[N] = absent;
byte owner[N] = NOBODY;
byte claims[N] = 0;
byte deaths[N] = 0;
byte abandonments[N] = 0;
bool expired[N] = false;
byte lock[N] = NOBODY;
mtype attempt[N * CLAIMS] = none;
bool switched_on = true, deleted = false;
bool holding = false;       /* the subscription may have deliveries that are held */
byte shares = 0;            /* locks on the subscription that keep others from changing it */

/* The world. Workers have the numbers 1 and 2; a process that takes the place of one, 3 and 4. */
byte id[WORKERS + 1] = 0;
byte at_work[WORKERS + 1] = 0;      /* on which delivery, from 1; 0: on none */
bool session[WORKERS + 1] = true;
bool stuck[WORKERS + 1] = false;
byte busy = 0;
bool sent[N * CLAIMS] = false;
byte answered_with_failure[N] = 0;
byte kills = 0, freezes = 0, late = 0, endings = 0, lost = 0, failures = 0;

#define FINAL(i) (state[i] == delivered || state[i] == cancelled)
#define ENDED(i) (FINAL(i) || state[i] == dead)
#define AT(i, c) ((i) * CLAIMS + (c))
#define PLACE(who) (((who) - 1) % WORKERS + 1)
#define LIVES(who) (id[PLACE(who)] == (who) && !stuck[PLACE(who)])
#define WORKS(who, i) (LIVES(who) && at_work[PLACE(who)] == (i) + 1)
#define FOUND(i) (state[i] == waiting || (state[i] == leased && expired[i]))
#define DUE(i) (FOUND(i) && (lock[i] == NOBODY || MUTANT == 4))
#define RUNS_OUT(i) (state[i] == leased && !expired[i] && MUTANT != 15 && (!WORKS(owner[i], i) || late < LATE))
#define IS_ENDED(who) ((who) != NOBODY && (LIVES(who) -> endings < ENDINGS : (!PATIENT && MUTANT != 16)))
#define FENCED (state[i] == leased && owner[i] == id[me] && claims[i] == mine)

inline release_locks() {
    if :: event_lock == id[me] -> event_lock = NOBODY :: else fi;
    if :: lock[0] == id[me] -> lock[0] = NOBODY :: else fi;
    if :: N == 2 && lock[N - 1] == id[me] -> lock[N - 1] = NOBODY :: else fi;
    if :: sharing -> shares--; sharing = false :: else fi
}

/* Forget what the last step was about: less to tell apart. */
inline rest() {
    mine = 0; result = none; at_work[me] = 0; session[me] = true; busy--;
    i = 0; what_claim = 0; sees_disabled = false
}

inline die() {
    kills++;
    release_locks();
    rest();
    id[me] = id[me] + WORKERS
}

/* Between two statements of a transaction. */
#define GAP \
    if \
    :: skip \
    :: atomic { kills < KILLS -> die(); goto look } \
    :: atomic { freezes < FROZEN -> freezes++; stuck[me] = true }; false \
    fi

inline record(what) {
    if
    :: attempt[AT(i, what_claim)] == none || MUTANT == 2 || (what != abandoned && attempt[AT(i, what_claim)] == abandoned) ->
        assert(attempt[AT(i, what_claim)] != success && attempt[AT(i, what_claim)] != failure);
        attempt[AT(i, what_claim)] = what
    :: else
    fi
}

active [WORKERS] proctype worker() {
    byte me = _pid + 1, i = 0, mine = 0, what_claim = 0;
    bool sharing = false, sees_disabled = false;
    mtype result = none;
    id[me] = me;

look:
    do
    /* claim, and fan-out: lease what is made */
    :: atomic { event_state == open && event_lock == NOBODY && MUTANT != 1 ->
            event_lock = id[me]; session[me] = true; busy++ };
        GAP;
        atomic {
            if
            :: session[me] ->
                event_lock = NOBODY;
                if
                :: event_state == open || MUTANT == 3 ->
                    assert(state[0] == absent);
                    for (i : 0 .. N - 1) {
                        state[i] = leased; owner[i] = id[me]; claims[i] = 1; expired[i] = false
                    }
                    event_state = fanned_out;
                    i = 0; mine = 1; at_work[me] = 1
                :: else
                fi
            :: else -> session[me] = true       /* rolled back */
            fi
        };
        if
        :: atomic { mine != 0 && lost < LOST ->  /* run again, it finds nothing that is open */
                lost++; mine = 0; at_work[me] = 0;
                if :: MUTANT == 3 -> event_state = open :: else fi }
        :: skip
        fi;
        if :: atomic { mine == 0 -> rest() } :: mine != 0 -> goto send fi

    /* due: what waits, and leases that ran out; what others have locked is passed over */
    :: atomic { DUE(0) || DUE(N - 1) ->
            if :: DUE(0) -> i = 0 :: DUE(N - 1) -> i = N - 1 fi;
            if :: lock[i] == NOBODY -> lock[i] = id[me] :: else fi;
            session[me] = true; busy++ };
        if
        :: lock[i] != id[me] -> atomic { lock[i] == NOBODY -> lock[i] = id[me] }
        :: else
        fi;
        GAP;
        /* A subscription that is found disabled stays so until the commit. */
        atomic {
            sees_disabled = (i == 0 && !switched_on && !deleted);
            if :: sees_disabled && MUTANT != 5 -> shares++; sharing = true :: else fi };
        GAP;
        atomic {
            if
            :: session[me] && lock[i] == id[me] && FOUND(i) ->
                if
                :: state[i] == leased ->
                    what_claim = claims[i];
                    if :: MUTANT != 6 -> record(abandoned) :: else fi;
                    if :: MUTANT != 7 -> abandonments[i]++ :: else deaths[i]++ fi
                :: else
                fi;
                owner[i] = NOBODY; expired[i] = false;
                if
                :: abandonments[i] >= POISON_AFTER -> state[i] = dead
                :: else ->
                    if
                    :: i == 0 && deleted -> state[i] = cancelled
                    :: else ->
                        if
                        :: sees_disabled -> state[i] = held
                        :: else ->
                            state[i] = leased; owner[i] = id[me];
                            if :: MUTANT != 8 -> claims[i]++ :: else fi;
                            mine = claims[i]; at_work[me] = i + 1
                        fi
                    fi
                fi
            :: else -> session[me] = true
            fi;
            release_locks()
        };
        if :: atomic { mine == 0 -> rest() } :: mine != 0 -> goto send fi

    /* sweep: release what is held; others may have locked it, and not commit */
    :: atomic { SWITCHES > 0 && holding && switched_on && MUTANT != 9 ->
            session[me] = true; busy++;
            if
            :: state[0] == held && lock[0] == NOBODY -> lock[0] = id[me]
            :: state[0] != held || (MUTANT == 10 && lock[0] != NOBODY) -> holding = false
            :: state[0] == held && lock[0] != NOBODY && MUTANT != 10
            fi };
        GAP;
        atomic {
            if
            :: session[me] && lock[0] == id[me] && state[0] == held -> state[0] = waiting
            :: else
            fi;
            release_locks(); rest()
        }
    od;

send:
    if
    :: skip
    :: atomic { kills < KILLS -> die(); goto look }
    fi;
    atomic {
        /* Only a lease that has run out may have become somebody else's. */
        assert(!sent[AT(i, mine)]);
        sent[AT(i, mine)] = true;
        if
        :: result = success
        :: failures < FAILURES -> failures++; answered_with_failure[i]++; result = failure
        fi };
    if
    :: skip
    :: atomic { kills < KILLS -> die(); goto look }
    fi;

outcome:
    atomic { lock[i] == NOBODY ->
        what_claim = mine;
        record(result);
        if
        :: result == success ->
            if
            :: state[i] != delivered && (state[i] != cancelled || MUTANT == 11) && (FENCED || MUTANT != 12) ->
                assert(state[i] != cancelled);
                if
                :: state[i] == leased && !FENCED && MUTANT != 13 ->
                    what_claim = claims[i];
                    record(abandoned)
                :: else
                fi;
                state[i] = delivered; owner[i] = NOBODY; abandonments[i] = 0
            :: else
            fi;
            assert(FINAL(i))
        :: else ->
            if
            :: FENCED || (MUTANT == 14 && !FINAL(i)) ->
                deaths[i]++; abandonments[i] = 0; owner[i] = NOBODY;
                if
                :: deaths[i] > MAXIMUM_DEATHS -> state[i] = dead
                :: else -> state[i] = waiting
                fi
            :: else
            fi
        fi;
        assert(deaths[i] <= answered_with_failure[i])
    };
    if
    :: skip
    :: atomic { lost < LOST -> lost++; goto outcome }
    fi;
    atomic { rest(); goto look }
}

active proctype server() {
    byte k = 0;
    do
    /* Leases of who is gone run out, and some of those who are only slow. */
    :: atomic { RUNS_OUT(0) || RUNS_OUT(N - 1) ->
            if :: RUNS_OUT(0) -> k = 0 :: RUNS_OUT(N - 1) -> k = N - 1 fi;
            if :: WORKS(owner[k], k) -> late++ :: else fi;
            expired[k] = true; k = 0 }
    /* Sessions in which nothing happens. */
    :: atomic { IS_ENDED(event_lock) ->
            if :: LIVES(event_lock) -> endings++; session[PLACE(event_lock)] = false :: else fi;
            event_lock = NOBODY }
    :: atomic { IS_ENDED(lock[0]) || IS_ENDED(lock[N - 1]) ->
            if :: IS_ENDED(lock[0]) -> k = 0 :: IS_ENDED(lock[N - 1]) -> k = N - 1 fi;
            if :: LIVES(lock[k]) -> endings++; session[PLACE(lock[k])] = false :: else fi;
            lock[k] = NOBODY; k = 0 }
    od
}

/* Time passes, also where nobody can do anything. */
bool tick = false;
active proctype clock() {
    do :: tick = !tick od
}

/* Disables the subscription of delivery 0, enables it, and perhaps deletes it. */
active proctype operator() {
    if
    :: SWITCHES > 0 ->
        atomic { shares == 0 -> switched_on = false; holding = true };
        atomic { shares == 0 -> switched_on = true };
        if
        :: SWITCHES > 1 -> atomic { shares == 0 -> deleted = true;
                if
                :: (state[0] == waiting || state[0] == held) && lock[0] == NOBODY -> state[0] = cancelled
                :: else
                fi }
        :: SWITCHES <= 1
        fi
    :: SWITCHES == 0
    fi
}

#define ALL_ENDED (ENDED(0) && ENDED(N - 1))
#define RECORDED(i, c) (!sent[AT(i, c)] || attempt[AT(i, c)] != none)
#define ALL_RECORDED(i) (RECORDED(i, 1) && RECORDED(i, 2) && RECORDED(i, 3) && RECORDED(i, 4) && RECORDED(i, 5) && RECORDED(i, 6))
#define LOCKED_BY_STUCK(who) ((who) != NOBODY && !LIVES(who))
#define REACHABLE_ENDED(i) (ENDED(i) || LOCKED_BY_STUCK(lock[i]))

/* Whatever happens, everything ends; */
ltl ends { <> [] ALL_ENDED }
/* every request is in the ledger when nobody is at work any more; */
ltl recorded { [] ((ALL_ENDED && busy == 0) -> (ALL_RECORDED(0) && ALL_RECORDED(N - 1))) }
/* even where the server does not end the session of a frozen worker, only what it locked waits. */
ltl others_go_on { <> (LOCKED_BY_STUCK(event_lock) || (REACHABLE_ENDED(0) && REACHABLE_ENDED(N - 1))) }
