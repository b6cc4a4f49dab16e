#include "cli/progress_view.h"

#include <string.h>

#include "base/text.h"

#define BLOCK_BYTES_MAX ((size_t) 64 << 10)

static load_state
state_of(const load_table_progress *table)
{
    return (load_state) atomic_load(&table->state);
}

/* Estimated bytes of the table that are done: all, or the rows' share. */
static double
bytes_done(const load_table_progress *table)
{
    double bytes = (double) table->byte_estimate + 1.0; /* an empty table weighs something */
    double rows = (double) atomic_load(&table->row_count), estimate = (double) table->row_estimate;

    switch (state_of(table)) {
    case LOAD_PENDING:
        return 0.0;
    case LOAD_IN_PROGRESS:
        if (estimate < 1.0) return 0.0;
        return bytes * (rows < estimate * 0.99 ? rows / estimate : 0.99); /* estimates may be too low */
    case LOAD_COMPLETED:
    case LOAD_FAILED:
    case LOAD_SKIPPED:
        break;
    }
    return bytes;
}

progress_total
progress_view_total(const load_progress *progress, int64_t now_us)
{
    progress_total total = {.table_count = progress->table_count};
    double         all = 0.0, done = 0.0;

    for (unsigned i = 0; i < progress->table_count; i++) {
        const load_table_progress *table = &progress->tables[i];
        load_state                 state = state_of(table);
        total.done_count += state == LOAD_COMPLETED;
        total.running_count += state == LOAD_IN_PROGRESS;
        total.failed_count += state == LOAD_FAILED;
        total.skipped_count += state == LOAD_SKIPPED;
        total.row_count += atomic_load(&table->row_count);
        total.byte_count += atomic_load(&table->byte_count);
        all += (double) table->byte_estimate + 1.0;
        done += bytes_done(table);
    }
    total.elapsed_ms = now_us > progress->started_us ? (uint64_t) (now_us - progress->started_us) / 1000 : 0;
    double share = all > 0.0 ? done / all : 1.0;
    bool   ended = total.done_count + total.failed_count + total.skipped_count == total.table_count;
    total.percent = ended ? 100 : (unsigned) (share * 99.0);
    if (!ended && share > 0.01 && total.elapsed_ms > 1000)
        total.left_ms = (uint64_t) ((double) total.elapsed_ms * (1.0 - share) / share);
    return total;
}

static uint64_t
per_second(uint64_t count, uint64_t elapsed_ms)
{
    return elapsed_ms ? (uint64_t) ((double) count * 1000.0 / (double) elapsed_ms) : 0;
}

firn_status
progress_view_add_total(const load_progress *progress, int64_t now_us, firn_buffer *out, firn_error *err)
{
    progress_total total = progress_view_total(progress, now_us);
    char           text[32];

    FIRN_TRY(firn_buffer_printf(out, err, "%u of %u tables", total.done_count, total.table_count));
    if (total.running_count) FIRN_TRY(firn_buffer_printf(out, err, ", %u running", total.running_count));
    if (total.failed_count) FIRN_TRY(firn_buffer_printf(out, err, ", %u failed", total.failed_count));
    if (total.skipped_count) FIRN_TRY(firn_buffer_printf(out, err, ", %u skipped", total.skipped_count));
    FIRN_TRY(firn_buffer_add_text(out, "; ", err));
    FIRN_TRY(text_add_grouped(out, total.row_count, err));
    FIRN_TRY(firn_buffer_add_text(out, " rows (", err));
    FIRN_TRY(text_add_grouped(out, per_second(total.row_count, total.elapsed_ms), err));
    text_format_bytes(total.byte_count, text);
    FIRN_TRY(firn_buffer_printf(out, err, "/s), %s; %u %%", text, total.percent));
    text_format_duration(total.elapsed_ms, text);
    FIRN_TRY(firn_buffer_printf(out, err, " in %s", text));
    if (total.left_ms == 0) return FIRN_OK;
    text_format_duration(total.left_ms, text);
    return firn_buffer_printf(out, err, ", about %s left", text);
}

firn_status
progress_view_add_table(const load_table_progress *table, int64_t now_us, firn_buffer *out, firn_error *err)
{
    uint64_t rows = atomic_load(&table->row_count);
    int64_t  started_us = atomic_load(&table->started_us);
    uint64_t elapsed_ms = started_us && now_us > started_us ? (uint64_t) (now_us - started_us) / 1000 : 0;
    double   share = bytes_done(table) / ((double) table->byte_estimate + 1.0);
    char     bytes[32], left[32];

    FIRN_TRY(firn_buffer_printf(out, err, "%s: ", table->name));
    FIRN_TRY(text_add_grouped(out, rows, err));
    if (table->row_estimate) {
        FIRN_TRY(firn_buffer_add_text(out, " of about ", err));
        FIRN_TRY(text_add_grouped(out, table->row_estimate, err));
    }
    FIRN_TRY(firn_buffer_add_text(out, " rows (", err));
    FIRN_TRY(text_add_grouped(out, per_second(rows, elapsed_ms), err));
    text_format_bytes(atomic_load(&table->byte_count), bytes);
    FIRN_TRY(firn_buffer_printf(out, err, "/s), %s", bytes));
    if (share <= 0.01 || elapsed_ms < 1000) return FIRN_OK;
    text_format_duration((uint64_t) ((double) elapsed_ms * (1.0 - share) / share), left);
    return firn_buffer_printf(out, err, ", %u %%, %s left", (unsigned) (share * 100.0), left);
}

/* Adds one line of the scratch text, cut to the width by code points, and empties the scratch. */
static firn_status
add_cut_line(firn_buffer *scratch, unsigned width, const char *before, const char *after, firn_buffer *out,
             firn_error *err)
{
    size_t size = text_utf8_prefix(scratch->data, scratch->size, width);

    for (size_t i = 0; i < size; i++) {
        if (scratch->data[i] < 0x20 || scratch->data[i] == 0x7f) scratch->data[i] = '?';
    }
    FIRN_TRY(firn_buffer_add_text(out, before, err));
    FIRN_TRY(firn_buffer_add(out, scratch->data, size, err));
    firn_buffer_reset(scratch);
    FIRN_TRY(firn_buffer_add_text(out, after, err));
    return firn_buffer_add_byte(out, '\n', err);
}

firn_status
progress_view_add_block(const load_progress *progress, int64_t now_us, unsigned width, unsigned line_max, bool color,
                        firn_buffer *out, unsigned *ret_line_count, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer scratch = {0};
    unsigned                                line_count = 0, hidden = 0;

    firn_buffer_init(&scratch, BLOCK_BYTES_MAX);
    for (unsigned i = 0; i < progress->table_count; i++) {
        if (state_of(&progress->tables[i]) != LOAD_IN_PROGRESS) continue;
        if (line_count + 2 >= line_max) { /* room for "and n more" and the total */
            hidden++;
            continue;
        }
        FIRN_TRY(firn_buffer_add_text(&scratch, "  ", err));
        FIRN_TRY(progress_view_add_table(&progress->tables[i], now_us, &scratch, err));
        FIRN_TRY(add_cut_line(&scratch, width, "", "", out, err));
        line_count++;
    }
    if (hidden) {
        FIRN_TRY(firn_buffer_printf(&scratch, err, "  and %u more", hidden));
        FIRN_TRY(add_cut_line(&scratch, width, "", "", out, err));
        line_count++;
    }
    FIRN_TRY(progress_view_add_total(progress, now_us, &scratch, err));
    FIRN_TRY(add_cut_line(&scratch, width, color ? "\033[1m" : "", color ? "\033[0m" : "", out, err));
    *ret_line_count = line_count + 1;
    return FIRN_OK;
}
