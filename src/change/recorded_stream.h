/*
 * A change_stream over recorded messages: for tests of whatever follows changes.
 *
 * Record: uint8 kind, uint64 position, uint32 size (little-endian), then the message
 *         'w': a pgoutput message; 'k': nothing more before position; 'x': the connection was lost
 */
#ifndef FIRN_CHANGE_RECORDED_STREAM_H
#define FIRN_CHANGE_RECORDED_STREAM_H

#include "base/buffer.h"
#include "change/change_stream.h"
#include "change/transaction_scope.h"

typedef struct recorded_stream_settings {
    transaction_scope_settings scope;
    change_identity            identity;
    /* How relations are described and decoded; NULL: FIRN_UNSUPPORTED. */
    firn_status (*describe)(void *state, change_relation *relation, const table_rules *rules, firn_arena *arena,
                            source_description **ret_description, const int **ret_places, firn_error *err);
    firn_status (*open_decoder)(void *state, change_relation *relation, const source_description *description,
                                row_decoder **ret_decoder, firn_error *err);
    void *state;
} recorded_stream_settings;

/* Borrows `records` until it is freed. */
FIRN_MUST_USE firn_status recorded_stream_new(firn_slice records, const recorded_stream_settings *settings,
                                              change_stream **ret_stream, firn_error *err);
FIRN_MUST_USE firn_status recorded_stream_add(firn_buffer *records, char kind, uint64_t position, firn_slice message,
                                              firn_error *err);

#endif
