/*
 * Named places where a test ends the process as kill -9 does: the moments of a commit or a checkpoint at which dying is
 * most interesting (docs of the fault matrix: slot.after-create, split.mid, …).
 *
 * The program itself calls an empty function. build/firn-crash is the same program with the other one, from
 * tests/support/crash_point_kill.c: FIRN_CRASH_POINT=split.mid kills it the first time that it comes there,
 * FIRN_CRASH_POINT=split.mid:3 the third time.
 */
#ifndef FIRN_BASE_CRASH_POINT_H
#define FIRN_BASE_CRASH_POINT_H

/* Any thread. */
void firn_crash_point(const char *name);

#endif
