/*
 * For test_notify.py: notify_sender URL|- TOKEN|- COUNT GRACE_MS [COMMAND…] sends COUNT events, the last of them with a
 * changed column, and prints each failure.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/secret.h"
#include "base/text.h"
#include "follow/notify.h"

static void
print_failure(void *state, const firn_error *err)
{
    (void) state;
    printf("FIRN-%04u %s | %s\n", (unsigned) err->code, err->cause, err->frame_count ? err->frame[0] : "");
    fflush(stdout);
}

static uint64_t
number(const char *text)
{
    uint64_t value = 0;

    return text_parse_u64(firn_slice_of((const uint8_t *) text, strlen(text)), &value) ? value : 0;
}

int
main(int argc, char *argv[])
{
    static const http_header headers[] = {{"X-Channel", "lake"}};
    FIRN_AUTO(firn_secret_freep) firn_secret *secret = NULL;
    const schema_change_row change = {.changed_at_us = 1700000000000000, .table_name = "orders", .column_name = "note",
                                      .field_id = 4, .kind = "add_column", .after = "string", .action = "applied"};
    notifier  *n = NULL;
    firn_error err = {0};

    if (argc < 5) return 64;
    const notify_settings settings = {.source = "shop",
                                      .namespace_name = "bronze.shop",
                                      .correlation_id = "run-1",
                                      .kinds = 1u << NOTIFY_SCHEMA_CHANGE | 1u << NOTIFY_TABLE_FAILED,
                                      .url = strcmp(argv[1], "-") == 0 ? NULL : argv[1],
                                      .token = strcmp(argv[2], "-") == 0 ? NULL : argv[2],
                                      .headers = headers,
                                      .header_count = 1,
                                      .command = argc > 5 ? (const char *const *) argv + 5 : NULL,
                                      .command_timeout_ms = 5000,
                                      .attempt_max = 2,
                                      .backoff_ms = 1,
                                      .failed = print_failure};
    if (settings.token) secret = firn_secret_new(settings.token);
    if (notifier_new(&settings, &n, &err)) {
        printf("FIRN-%04u %s\n", (unsigned) err.code, err.cause);
        return firn_status_exit_code(err.status);
    }
    notifier_send(n, &(notify_event){.kind = NOTIFY_SLOT_LOST, .text = "not asked for"});
    for (uint64_t i = number(argv[3]); i-- > 1;)
        notifier_send(n, &(notify_event){.kind = NOTIFY_TABLE_FAILED, .table = "lines", .text = settings.token ? settings.token : "x",
                                         .error_code = "FIRN-2101", .position = "0/10"});
    notifier_send(n, &(notify_event){.kind = NOTIFY_SCHEMA_CHANGE, .table = "orders", .text = "column \"note\" added",
                                     .position = "0/20", .changes = &change, .change_count = 1});
    notifier_close(n, number(argv[4]));
    return 0;
}
