/*
 * The page of `firn follow --http`: the job's progress as Prometheus' metrics (names in docs/FOLLOW.md), as the JSON of `firn
 * status`, and for probes. It asks neither the lake nor the source: everything comes from the job's own progress.
 */
#ifndef FIRN_CLI_FOLLOW_PAGE_H
#define FIRN_CLI_FOLLOW_PAGE_H

#include "cli/session.h"
#include "follow/follow_progress.h"
#include "state/status_table.h"

/* Tables that the metrics show one by one; of more, those with the largest lag. */
#define FOLLOW_PAGE_TABLES_MAX 200u

typedef struct follow_page_settings {
    const char      *source, *namespace_name, *correlation_id;
    const char      *address; /* see status_server.h */
    const char      *token;   /* NULL: none */
    status_rows      rows;    /* of _cdc_status as the job begins: what the load said */
    uint64_t         memory_bytes_max;
    int64_t          started_us;
    follow_progress *progress;
} follow_page_settings;

typedef struct follow_page follow_page;

/* Listens when it returns; the settings' texts and the progress are borrowed until it is freed. */
FIRN_MUST_USE firn_status follow_page_start(const follow_page_settings *settings, follow_page **ret_page, firn_error *err);
unsigned                  follow_page_port(const follow_page *page);
void                      follow_page_free(follow_page *page);
FIRN_DEFINE_FREEP(follow_page, follow_page_free)

#endif
