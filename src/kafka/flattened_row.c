#include "kafka/flattened_row.h"

static firn_status
fail(const char *table, const char *what, const char *advice, firn_error *err)
{
    (void) firn_fail(err, FIRN_E_KAFKA_MESSAGE, "a flattened row of '%s' %s", table, what);
    firn_hint(err, "%s; delete the topic, whose messages stay as they are, and load the table again (docs/KAFKA.md, \"Flattened rows\")", advice);
    return err->status;
}

row_form
row_form_of(const dbz_event *event)
{
    return event->is_flattened && !event->says_deleted ? ROW_FORM_BARE : ROW_FORM_WHOLE;
}

static firn_status
check_keyless(const dbz_event *event, const char *table, firn_error *err)
{
    static const char all[] = "set add.fields=op,ts_ms,lsn,sequence,txId,source.ts_us at ExtractNewRecordState";

    if (event->kind == DBZ_UPDATE)
        return fail(table, "is an update, and does not have the row before it, by which a table without a key is changed",
                    "give the table a key, or leave ExtractNewRecordState out for it (its predicate)", err);
    if (!event->order.is_known || !event->order.is_whole || !event->time_us)
        return fail(table, "does not tell its whole place in the source's log: what Debezium sends twice could not be told, and there is no key to merge by", all, err);
    if (event->source.connector == DBZ_POSTGRES && !event->source.transaction_number && event->kind != DBZ_READ)
        return fail(table, "does not tell its transaction (__txId): whether the load has it could not be told, and there is no key to merge by", all, err);
    return FIRN_OK;
}

firn_status
flattened_row_check(const dbz_event *event, bool is_keyed, const load_point *load, const char *table, firn_error *err)
{
    if (!event->is_flattened) return FIRN_OK;
    if (!event->says_deleted)
        return fail(table, "does not say whether it was deleted (__deleted): deletes would be tombstones without a place in the source's log, or nothing at all",
                    "set delete.tombstone.handling.mode=rewrite at ExtractNewRecordState", err);
    if (!event->says_op)
        return fail(table, "does not say what happened to it (__op)", "set add.fields=op,lsn,sequence,txId,source.ts_us at ExtractNewRecordState", err);
    if (!event->order.is_known && load && load->is_known)
        return fail(table, "does not say where in the source's log it stands (__lsn): whether the load has it cannot be told",
                    "set add.fields=op,lsn,sequence,txId,source.ts_us at ExtractNewRecordState", err);
    return is_keyed ? FIRN_OK : check_keyless(event, table, err);
}

firn_status
tombstone_check(row_form form, int64_t offset, firn_error *err)
{
    /* Nothing is before the first message of all, so that no delete can be. */
    if (form == ROW_FORM_WHOLE || (form == ROW_FORM_UNKNOWN && offset > 0)) return FIRN_OK;
    (void) firn_fail(err, FIRN_E_KAFKA_MESSAGE, "it is a tombstone that no delete stands before: it does not say where in the source's log the delete was");
    firn_hint(err, "set delete.tombstone.handling.mode=rewrite at ExtractNewRecordState; delete the topic, whose messages stay as they are, and load the table again "
                   "(docs/KAFKA.md, \"Flattened rows\")");
    return err->status;
}
