/* Who is blamed when a process dies: one event whose service ends its process, others beside it.
 *
 * Event 0 kills the process that calls its service; event 1 has a slow and healthy service; a
 * delivery is being made beside them. Nothing else kills. Each MUTANT breaks one rule; 0: none.
 */
#ifndef MUTANT
#define MUTANT 0
#endif
#define WORKERS 2
#define NOBODY 0
#define KILLER 0
#define HEALTHY 1
#define ALONE_FROM 2
#define POISON_AFTER 5

mtype = { open, resolving, fanned_out, failed };
mtype = { waiting, leased, delivered, dead };

/* The ledger. */
mtype event[2] = open;
byte owner[2] = NOBODY;
byte abandonments[2] = 0;
bool expired[2] = false;
mtype delivery = waiting;
byte delivery_owner = NOBODY, delivery_abandonments = 0;
bool delivery_expired = false;

/* The world. Each process has a number of its own; the one in place w has process[w]. */
byte process[WORKERS + 1] = 0;
byte numbers = WORKERS;
bool calling[(WORKERS + 1) * 2] = false;    /* by place and event: its service runs here */
bool alone[WORKERS + 1] = false;            /* a suspect runs here, and nothing beside it */
bool sending[WORKERS + 1] = false, sends_alone[WORKERS + 1] = false;

#define AT(w, e) ((w) * 2 + (e))
#define GONE(who) (who != process[1] && who != process[2])
#define CALLS(w) (calling[AT(w, 0)] || calling[AT(w, 1)])
#define FOUND(e) (event[e] == open || (event[e] == resolving && expired[e]))
/* What it will have if it is taken now. */
#define COUNTED(e) (abandonments[e] + (event[e] == resolving && MUTANT != 6))
#define SUSPECT(e) (COUNTED(e) >= ALONE_FROM && MUTANT != 1)
#define MAY_ALONE(w) ((!CALLS(w) || MUTANT == 2) && !sends_alone[w])
#define MAY_BESIDE(w) ((!alone[w] || MUTANT == 3) && !sends_alone[w])
/* Deliveries whose worker died of an event that was abandoned before are not counted. */
#define EXCUSED(who) (MUTANT != 4 && ((event[0] == resolving && owner[0] == who && abandonments[0] >= 1) || (event[1] == resolving && owner[1] == who && abandonments[1] >= 1)))
/* ... and are given back before that event is taken, or nobody knew any more. */
#define FIRST_THE_DELIVERY(e) (MUTANT != 5 && event[e] == resolving && abandonments[e] >= 1 && delivery == leased && delivery_owner == owner[e])

inline take(e) {
    if
    :: event[e] == resolving && MUTANT != 6 -> abandonments[e]++
    :: else
    fi;
    if
    :: abandonments[e] >= POISON_AFTER ->
        assert(e == KILLER);
        event[e] = failed; owner[e] = NOBODY
    :: else ->
        if :: abandonments[e] >= ALONE_FROM && MUTANT != 1 -> alone[me] = true :: else fi;
        event[e] = resolving; owner[e] = process[me]; expired[e] = false;
        calling[AT(me, e)] = true
    fi
}

inline give_back_the_delivery() {
    delivery = waiting; delivery_owner = NOBODY; delivery_expired = false
}

inline die() {
    calling[AT(me, 0)] = false; calling[AT(me, 1)] = false; alone[me] = false;
    sending[me] = false; sends_alone[me] = false;
    numbers++; process[me] = numbers
}

active [WORKERS] proctype worker() {
    byte me = _pid + 1;
    process[me] = me;
    do
    /* An event: beside others, or alone. */
    :: atomic { FOUND(0) && !FIRST_THE_DELIVERY(0) && (SUSPECT(0) -> MAY_ALONE(me) : MAY_BESIDE(me)) -> take(0) }
    :: atomic { FOUND(1) && !FIRST_THE_DELIVERY(1) && (SUSPECT(1) -> MAY_ALONE(me) : MAY_BESIDE(me)) -> take(1) }
    /* Before it, what the same worker has left behind. */
    :: atomic { FOUND(0) && FIRST_THE_DELIVERY(0) && delivery_expired -> give_back_the_delivery() }
    :: atomic { FOUND(1) && FIRST_THE_DELIVERY(1) && delivery_expired -> give_back_the_delivery() }
    /* The killer's service ends the process; the healthy one returns, some time. */
    :: atomic { calling[AT(me, KILLER)] -> die() }
    :: atomic { calling[AT(me, HEALTHY)] ->
            if
            :: event[1] == resolving && owner[1] == process[me] ->
                event[1] = fanned_out; owner[1] = NOBODY; abandonments[1] = 0
            :: else
            fi;
            calling[AT(me, HEALTHY)] = false; alone[me] = false }
    /* The delivery: from the second time on only where nothing else is under way. */
    :: atomic { delivery == waiting && !sends_alone[me] && (delivery_abandonments < ALONE_FROM || !CALLS(me)) ->
            delivery = leased; delivery_owner = process[me]; delivery_expired = false;
            sending[me] = true; sends_alone[me] = (delivery_abandonments >= ALONE_FROM) }
    :: atomic { delivery == leased && delivery_expired ->
            if
            :: !EXCUSED(delivery_owner) -> delivery_abandonments++
            :: else
            fi;
            if
            :: delivery_abandonments >= POISON_AFTER -> delivery = dead
            :: else -> give_back_the_delivery()
            fi }
    :: atomic { sending[me] ->
            if
            :: delivery == leased && delivery_owner == process[me] -> delivery = delivered; delivery_owner = NOBODY
            :: else
            fi;
            sending[me] = false; sends_alone[me] = false }
    od
}

/* The leases of who is gone run out, those of deliveries first. */
active proctype reaper() {
    do
    :: atomic { delivery == leased && !delivery_expired && GONE(delivery_owner) -> delivery_expired = true }
    :: atomic { event[0] == resolving && !expired[0] && GONE(owner[0]) && !(delivery == leased && !delivery_expired && delivery_owner == owner[0]) -> expired[0] = true }
    :: atomic { event[1] == resolving && !expired[1] && GONE(owner[1]) && !(delivery == leased && !delivery_expired && delivery_owner == owner[1]) -> expired[1] = true }
    od
}

bool tick = false;
active proctype clock() {
    do :: tick = !tick od
}

#define ALONE_IS_ALONE(w) (!alone[w] || !(calling[AT(w, 0)] && calling[AT(w, 1)]))
#define INNOCENT (delivery_abandonments <= 1 && delivery != dead && event[HEALTHY] != failed)
/* Only who is to blame is blamed; */
ltl justice { [] (INNOCENT && ALONE_IS_ALONE(1) && ALONE_IS_ALONE(2)) }
/* and everything ends: the killer as poison. */
ltl ends { <> [] (event[KILLER] == failed && event[HEALTHY] == fanned_out && delivery == delivered) }
