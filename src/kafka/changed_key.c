#include "kafka/changed_key.h"

/* How long a row with a changed key, of which a delete says that it comes, is waited for once its partition has no more: Kafka Connect may
 * be stopped in between. */
#define NEW_KEY_US ((uint64_t) 30000000)

/* Of several partitions, the row with the new key may be in another one. */
static bool
has_new_key(const stream_partition *p)
{
    return p->topic->partition_count == 1 && p->messages[p->first]->has_new_key;
}

static bool
is_twin(const dbz_event *removed, const dbz_event *event)
{
    return event->kind == DBZ_CREATE && event->order.is_known && dbz_order_compare(&event->order, &removed->order) == 0 &&
           firn_slice_equal(event->source.table.text, removed->source.table.text) &&
           firn_slice_equal(event->source.schema.text, removed->source.schema.text);
}

static firn_status
find_twin(kafka_stream *s, const stream_partition *p, const intake_message **ret_twin, unsigned *ret_steps, changed_key *ret_next, firn_error *err)
{
    *ret_next = CHANGED_KEY_OTHER;
    for (size_t i = 1; i < p->count; i++) {
        intake_message *m = p->messages[p->first + i];

        if (!m->record->payload) continue;
        *ret_steps = (unsigned) i + 1;
        if (stream_read_event(s, p, m, err)) {
            /* One that is no event is told of when it is its turn; a registry that is away now says nothing of it. */
            if (!record_is_damaged(err->status)) return err->status;
            firn_error_reset(err);
            return FIRN_OK;
        }
        const dbz_event *twin = &m->event;
        *ret_twin = m;
        if (is_twin(p->head, twin)) *ret_next = CHANGED_KEY_TWIN;
        else if (dbz_kind_is_row(twin->kind) && has_new_key(p))
            *ret_next = event_goes_back(twin, p->head) ? CHANGED_KEY_AGAIN : CHANGED_KEY_LOST;
        return FIRN_OK;
    }
    *ret_next = CHANGED_KEY_NOT_YET;
    return FIRN_OK;
}

firn_status
changed_key_join(kafka_stream *s, stream_partition *p, topic_table *t, const intake_message *twin, unsigned steps, firn_error *err)
{
    change removed = s->pending, added = {0};
    bool   takes = false;

    if (!removed.old.bytes.data || !removed.old_is_key) return FIRN_OK;
    /* It stays when its message goes, which is before the change does. */
    firn_buffer_reset(&s->scratch);
    FIRN_TRY(firn_buffer_add(&s->scratch, removed.old.bytes.data, removed.old.bytes.size, err));
    removed.old.bytes.data = s->pending.old.bytes.data = s->scratch.data;
    firn_buffer_reset(&s->room);
    FIRN_TRY(firn_buffer_reserve(&s->room, dbz_table_room(t->rows, &twin->event), err));
    FIRN_TRY(dbz_table_change(t->rows, &twin->event, s->room.data, &added, err));
    if (!added.new.has_unchanged || added.relation != removed.relation) return FIRN_OK;
    FIRN_TRY(stream_judge(s, p, t, twin, &takes, err));
    if (!takes) return FIRN_OK;
    s->pending = (change){.op = CHANGE_UPDATE, .old_is_key = true, .relation = added.relation, .old = removed.old, .new = added.new};
    s->pending_steps = steps;
    return FIRN_OK;
}

firn_status
changed_key_fail_lost(firn_error *err)
{
    (void) firn_fail(err, FIRN_E_KAFKA_MESSAGE, "it is the delete of a changed key, and the row with the new key does not come behind it: Debezium was stopped between the two, and has left it out");
    firn_hint(err, "load the table again: the row is not in the topic");
    return err->status;
}

bool
changed_key_has_waited(const kafka_stream *s, const stream_partition *p)
{
    int64_t end = p->messages[p->first + p->count - 1]->record->offset + 1;

    return p->eof >= end && s->drained_us >= p->heard_us + p->twin_wait_us;
}

firn_status
changed_key_await(kafka_stream *s, stream_partition *p, const intake_message **ret_twin, unsigned *ret_steps, changed_key *ret_next, firn_error *err)
{
    *ret_next = CHANGED_KEY_OTHER;
    p->awaits_next = false;
    if (p->head->kind != DBZ_DELETE || !p->head->key.data) return FIRN_OK;
    FIRN_TRY(find_twin(s, p, ret_twin, ret_steps, ret_next, err));
    if (*ret_next != CHANGED_KEY_NOT_YET) return FIRN_OK;
    p->twin_wait_us = has_new_key(p) ? NEW_KEY_US : STREAM_GRACE_US;
    p->awaits_next = !changed_key_has_waited(s, p);
    return FIRN_OK;
}
