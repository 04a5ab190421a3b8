/**
 * The state machine's four functions. Pure and synchronous: no I/O, no clock, no randomness.
 *
 *   needOfWrite / needOfRead → keys that must be known before prepare / answer. Asked again until the list is empty:
 *                              a key may lead to further ones (a session's ephemerals to their records).
 *   prepare                  → validates on the current state, resolves effects; may refuse.
 *   apply                    → changes state, never fails; returns watch triggers.
 *   resultOf                 → the answer of a write, from the state right after its effect was applied.
 *   answer                   → the answer of a read.
 */
export {};
