/*
 * Test double: passes all calls on to another storage and lets the n-th one go wrong. Each storage operation
 * counts as one call, and so does each write and finish of a sink.
 */
#ifndef FIRN_STORAGE_FAULTY_H
#define FIRN_STORAGE_FAULTY_H

#include "storage/storage.h"

typedef enum faulty_effect {
    FAULTY_NEVER,
    FAULTY_BEFORE, /* fails, nothing was done */
    FAULTY_AFTER,  /* was done, and fails: the lost answer */
    FAULTY_CUT,    /* half of a read or write was done, then it fails; other calls: as FAULTY_BEFORE */
} faulty_effect;

/* Called before each call, from its thread; may block. `call`: "write", "finish", "put_new", … */
typedef void (*faulty_hook)(void *state, uint64_t nth, const char *call, const char *location);

/* `inner` is borrowed and must live longer. */
FIRN_MUST_USE firn_status storage_faulty_new(storage *inner, storage **ret_storage, firn_error *err);
/* The nth call from now (1: the next) fails with `code`; with for_ever all from then on, too. */
void     storage_faulty_arm(storage *s, uint64_t nth, faulty_effect effect, firn_code code, bool for_ever);
void     storage_faulty_hook(storage *s, faulty_hook hook, void *state);
uint64_t storage_faulty_calls(const storage *s); /* since new or arm */

#endif
