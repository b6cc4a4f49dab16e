#include "maintain/maintain_task.h"

#include "base/text.h"

#include <stdio.h>

void
maintain_result_note(maintain_result *result, const char *text, ...)
{
    size_t  used = strlen(result->note);
    va_list arguments;

    if (used && used + 3 < sizeof result->note) {
        memcpy(result->note + used, "; ", 3);
        used += 2;
    }
    va_start(arguments, text);
    (void) vsnprintf(result->note + used, sizeof result->note - used, text, arguments);
    va_end(arguments);
}

firn_status
maintain_task_reload(maintain_task *t, firn_error *err)
{
    table_metadata *now = NULL;

    FIRN_TRY(t->lake->ops->load(t->lake, t->ident, &now, err));
    maintain_task_take(t, now);
    return FIRN_OK;
}

void
maintain_task_take(maintain_task *t, table_metadata *take_table)
{
    table_metadata_unref(t->table);
    t->table = take_table;
}

unsigned
maintain_task_summary(const maintain_task *t, const char *step, table_property room[])
{
    unsigned count = 0;

    room[count++] = (table_property){"firn.maintain", step};
    if (t->settings->correlation_id)
        room[count++] = (table_property){"firn.correlation-id", t->settings->correlation_id};
    return count;
}

firn_status
maintain_task_check(const maintain_task *t, firn_error *err)
{
    if (!task_cancel_requested(t->cancel)) return FIRN_OK;
    return firn_fail(err, FIRN_E_CANCELLED, "stopped by a signal");
}

bool
maintain_property_is(const table_metadata *m, const char *key, bool otherwise)
{
    const char *text = table_metadata_property(m, key);

    if (text && text_equal_nocase(text, "true")) return true;
    if (text && text_equal_nocase(text, "false")) return false;
    return otherwise;
}
