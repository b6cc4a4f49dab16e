#include "change/transaction_scope.h"

#include "base/alloc.h"
#include "change/kept_transaction.h"
#include "change/relation_cache.h"

#define MEMORY_DEFAULT ((size_t) 64 << 20)
#define PREPARED_COUNT_MAX (1u << 18) /* max_prepared_transactions of the server */

/* Where the messages that come now belong. */
typedef enum scope_place {
    PLACE_BETWEEN,   /* no transaction is open */
    PLACE_PLAIN,     /* BEGIN … COMMIT: handed out as they come */
    PLACE_PREPARING, /* BEGIN PREPARE … PREPARE */
    PLACE_STREAMED,  /* STREAM START … STREAM STOP */
} scope_place;

/* A PREPARE that acknowledging must not pass yet. */
typedef struct prepare_hold {
    uint64_t prepare_position;
    uint64_t until; /* what must be acknowledged for it to end; UINT64_MAX: not decided */
    uint32_t xid;
} prepare_hold;

struct transaction_scope {
    transaction_scope_settings settings;
    uint64_t                   position; /* transactions that it contains are passed over */
    relation_cache             relations;
    scope_place                place;
    kept_transaction          *kept; /* list */
    kept_transaction          *open; /* of PREPARING and STREAMED */
    size_t                     memory_bytes;
    uint64_t                   spilled_bytes;
    prepare_hold              *holds;
    unsigned                   hold_count, hold_capacity;

    /* The transaction that is handed out. */
    bool               is_skipped, begin_waits;
    change_transaction transaction;
    kept_transaction  *replayed; /* NULL: it comes as it is received; no longer in the list */
    kept_reader        reader;

    /* What waits to be handed out, in this order. */
    bool              restart_waits, change_waits, end_waits;
    change_item       item;           /* change_waits; or a single one: item.kind */
    pgoutput_truncate truncate;       /* its relations that are left */
    change_block     *block;          /* of the item; borrowed */
};

firn_status
transaction_scope_new(const transaction_scope_settings *settings, transaction_scope **ret_scope, firn_error *err)
{
    transaction_scope *scope = firn_calloc(1, sizeof *scope);
    if (!scope) return firn_fail_memory(err, "a stream of changes");
    scope->settings = *settings;
    if (!scope->settings.memory_bytes_max) scope->settings.memory_bytes_max = MEMORY_DEFAULT;
    scope->position = settings->position;
    *ret_scope = scope;
    return FIRN_OK;
}

static void
drop_kept(transaction_scope *scope)
{
    while (scope->kept) {
        kept_transaction *next = scope->kept->next;
        kept_transaction_free(scope->kept);
        scope->kept = next;
    }
    kept_reader_done(&scope->reader);
    kept_transaction_free(scope->replayed);
    scope->replayed = scope->open = NULL;
    scope->memory_bytes = 0;
}

void
transaction_scope_free(transaction_scope *scope)
{
    if (!scope) return;
    drop_kept(scope);
    relation_cache_done(&scope->relations);
    firn_free(scope->holds);
    firn_free(scope);
}

size_t
transaction_scope_memory_bytes(const transaction_scope *scope)
{
    return scope->memory_bytes;
}

uint64_t
transaction_scope_spilled_bytes(const transaction_scope *scope)
{
    return scope->spilled_bytes;
}

static firn_status
fail_order(const pgoutput_message *m, const char *problem, firn_error *err)
{
    return firn_fail(err, FIRN_E_POSTGRES_PROTOCOL, "PostgreSQL's stream of changes has a message '%c' %s", (char) m->kind,
                     problem);
}

/* ---- prepared transactions ---- */

static firn_status
hold_prepare(transaction_scope *scope, const kept_transaction *kept, firn_error *err)
{
    if (scope->hold_count == PREPARED_COUNT_MAX)
        return firn_fail(err, FIRN_E_POSTGRES_PROTOCOL, "more than %u prepared transactions are open", PREPARED_COUNT_MAX);
    if (scope->hold_count == scope->hold_capacity) {
        unsigned      capacity = scope->hold_capacity ? 2 * scope->hold_capacity : 16;
        prepare_hold *grown = firn_realloc(scope->holds, capacity * sizeof *grown);
        if (!grown) return firn_fail_memory(err, "prepared transactions");
        scope->holds = grown;
        scope->hold_capacity = capacity;
    }
    scope->holds[scope->hold_count++] = (prepare_hold){kept->prepare_position, UINT64_MAX, kept->xid};
    return FIRN_OK;
}

static void
decide_hold(transaction_scope *scope, uint32_t xid, uint64_t until)
{
    for (unsigned i = 0; i < scope->hold_count; i++)
        if (scope->holds[i].xid == xid && scope->holds[i].until == UINT64_MAX) scope->holds[i].until = until;
}

uint64_t
transaction_scope_limit(transaction_scope *scope, uint64_t position)
{
    uint64_t limit = position;
    for (unsigned i = 0; i < scope->hold_count;) {
        if (scope->holds[i].until <= position) {
            scope->holds[i] = scope->holds[--scope->hold_count];
            continue;
        }
        if (scope->holds[i].prepare_position < limit) limit = scope->holds[i].prepare_position;
        i++;
    }
    return limit;
}

bool
transaction_scope_is_limited(const transaction_scope *scope)
{
    return scope->hold_count > 0;
}

/* ---- kept transactions ---- */

static kept_transaction **
find_kept(transaction_scope *scope, uint32_t xid)
{
    kept_transaction **at = &scope->kept;
    while (*at && (*at)->xid != xid) at = &(*at)->next;
    return at;
}

static void
drop_one(transaction_scope *scope, kept_transaction **at)
{
    kept_transaction *kept = *at;
    *at = kept->next;
    scope->memory_bytes -= kept->memory_bytes;
    kept_transaction_free(kept);
}

static firn_status
keep(transaction_scope *scope, firn_slice message, uint64_t position, firn_error *err)
{
    size_t before = scope->open->memory_bytes;
    FIRN_TRY(kept_transaction_add(scope->open, message, position, err));
    scope->memory_bytes += scope->open->memory_bytes - before;
    while (scope->memory_bytes > scope->settings.memory_bytes_max) {
        kept_transaction *largest = scope->open;
        for (kept_transaction *k = scope->kept; k; k = k->next)
            if (k->memory_bytes > largest->memory_bytes) largest = k;
        uint64_t file_bytes = largest->file_bytes;
        scope->memory_bytes -= largest->memory_bytes;
        if (kept_transaction_spill(largest, scope->settings.spill_folder, err))
            return firn_while(err, "writing the changes of transaction %u, which still runs, to a temporary file", largest->xid);
        scope->spilled_bytes += largest->file_bytes - file_bytes;
    }
    return FIRN_OK;
}

static firn_status
open_kept(transaction_scope *scope, uint32_t xid, bool has_xids, scope_place place, firn_error *err)
{
    FIRN_TRY(kept_transaction_new(xid, has_xids, &scope->open, err));
    scope->open->next = scope->kept;
    scope->kept = scope->open;
    scope->place = place;
    return FIRN_OK;
}

static firn_status
start_stream(transaction_scope *scope, const pgoutput_message *m, firn_error *err)
{
    kept_transaction *known = *find_kept(scope, m->xid);
    if (scope->place != PLACE_BETWEEN) return fail_order(m, "inside of another transaction", err);
    if (!known) return open_kept(scope, m->xid, true, PLACE_STREAMED, err);
    if (known->is_prepared || m->stream.is_first) return fail_order(m, "for a transaction that is there already", err);
    scope->open = known;
    scope->place = PLACE_STREAMED;
    return FIRN_OK;
}

static firn_status
abort_stream(transaction_scope *scope, const pgoutput_message *m, firn_error *err)
{
    kept_transaction **at = find_kept(scope, m->xid);
    if (!*at) return FIRN_OK; /* nothing of it was sent */
    if (m->stream.subxid != m->xid) return kept_transaction_abort(*at, m->stream.subxid, err);
    drop_one(scope, at);
    return FIRN_OK;
}

/* PREPARE of `open`, or STREAM PREPARE of one in the list. */
static firn_status
prepare(transaction_scope *scope, kept_transaction *kept, const pgoutput_message *m, firn_error *err)
{
    if (!kept || kept->is_prepared) return fail_order(m, "without the changes of its transaction", err);
    memcpy(kept->gid, m->transaction.gid.data, m->transaction.gid.size);
    kept->gid[m->transaction.gid.size] = 0;
    kept->is_prepared = true;
    kept->prepare_position = m->transaction.position;
    return hold_prepare(scope, kept, err);
}

/* ---- handing out ---- */

static void
begin_transaction(transaction_scope *scope, uint32_t xid, const pgoutput_transaction *t)
{
    scope->transaction = (change_transaction){xid, t->position, t->end_position, t->time_us};
    scope->is_skipped = t->position < scope->position;
    scope->begin_waits = !scope->is_skipped;
}

/* Moves a kept transaction out of the list, to be read. */
static firn_status
replay(transaction_scope *scope, const pgoutput_message *m, firn_error *err)
{
    kept_transaction **at = find_kept(scope, m->xid);
    if (!*at || (m->kind == PGOUTPUT_COMMIT_PREPARED) != (*at)->is_prepared) {
        /* All of a streamed transaction may have been filtered away. */
        if (m->kind == PGOUTPUT_STREAM_COMMIT && !*at) return FIRN_OK;
        if (m->transaction.position < scope->position) return FIRN_OK;
        firn_fail(err, FIRN_E_POSTGRES_PROTOCOL, "transaction %u ('%.*s') was committed, but the changes from its "
                  "PREPARE TRANSACTION did not come", m->xid, (int) m->transaction.gid.size, m->transaction.gid.data);
        firn_hint(err, "somebody else read this replication slot; compare the tables with the source");
        return err->status;
    }
    begin_transaction(scope, m->xid, &m->transaction);
    if (m->kind == PGOUTPUT_COMMIT_PREPARED) decide_hold(scope, m->xid, m->transaction.end_position);
    if (scope->is_skipped) {
        drop_one(scope, at);
        return FIRN_OK;
    }
    scope->replayed = *at;
    *at = scope->replayed->next;
    scope->end_waits = true;
    return FIRN_OK;
}

static void
set_change(transaction_scope *scope, const pgoutput_message *m, uint64_t position)
{
    change_item *item = &scope->item;
    item->kind = ITEM_CHANGE;
    item->position = position;
    item->block = scope->block;
    item->change.op = m->kind == PGOUTPUT_INSERT ? CHANGE_INSERT : m->kind == PGOUTPUT_UPDATE ? CHANGE_UPDATE : CHANGE_DELETE;
    item->change.old_is_key = m->row.old_is_key;
    item->change.truncate_cascade = item->change.truncate_restart = false;
    item->change.old = m->row.old;
    item->change.new = m->row.new;
    scope->change_waits = true;
}

static firn_status
check_columns(const change_relation *relation, const change_tuple *tuple, firn_error *err)
{
    if (FIRN_LIKELY(!tuple->bytes.data || tuple->column_count == relation->column_count)) return FIRN_OK;
    return firn_fail(err, FIRN_E_POSTGRES_PROTOCOL, "a row of '%s.%s' has %u columns where %u were announced",
                     relation->schema, relation->name, tuple->column_count, relation->column_count);
}

static firn_status
find_relation(transaction_scope *scope, uint32_t id, firn_error *err)
{
    relation_entry *entry = relation_cache_find(&scope->relations, id);
    if (FIRN_UNLIKELY(!entry))
        return firn_fail(err, FIRN_E_POSTGRES_PROTOCOL, "a change of table number %u came before its description", id);
    scope->item.change.relation = entry->newest;
    return FIRN_OK;
}

/* The next relation of a TRUNCATE; no change waits when there is none left. */
static firn_status
next_truncated(transaction_scope *scope, firn_error *err)
{
    change_item *item = &scope->item;
    scope->change_waits = scope->truncate.relation_count > 0;
    if (!scope->change_waits) return FIRN_OK;
    FIRN_TRY(find_relation(scope, load_be32(scope->truncate.relation_ids), err));
    item->change.op = CHANGE_TRUNCATE;
    item->change.old_is_key = false;
    item->change.truncate_cascade = scope->truncate.cascade;
    item->change.truncate_restart = scope->truncate.restart;
    item->change.old = item->change.new = (change_tuple){0};
    scope->truncate.relation_ids += 4;
    scope->truncate.relation_count--;
    return FIRN_OK;
}

/* A message of the transaction that is handed out, or a logical message between two. */
static firn_status
hand_out(transaction_scope *scope, const pgoutput_message *m, uint64_t position, firn_error *err)
{
    change_item *item = &scope->item;
    switch (m->kind) {
    case PGOUTPUT_INSERT:
    case PGOUTPUT_UPDATE:
    case PGOUTPUT_DELETE:
        if (scope->is_skipped) return FIRN_OK;
        FIRN_TRY(find_relation(scope, m->row.relation_id, err));
        FIRN_TRY(check_columns(item->change.relation, &m->row.old, err));
        FIRN_TRY(check_columns(item->change.relation, &m->row.new, err));
        set_change(scope, m, position);
        return FIRN_OK;
    case PGOUTPUT_TRUNCATE:
        if (scope->is_skipped) return FIRN_OK;
        item->kind = ITEM_CHANGE;
        item->position = position;
        item->block = scope->block;
        scope->truncate = m->truncate;
        return next_truncated(scope, err);
    case PGOUTPUT_RELATION:
        return relation_cache_put(&scope->relations, &m->relation, err);
    case PGOUTPUT_MESSAGE:
        if (scope->is_skipped) return FIRN_OK;
        *item = (change_item){.kind = ITEM_MESSAGE, .position = position, .block = scope->block};
        item->message = (change_message){m->text.is_transactional, m->text.position, m->text.prefix, m->text.content};
        return FIRN_OK;
    case PGOUTPUT_TYPE:
    case PGOUTPUT_ORIGIN:
        return FIRN_OK;
    case PGOUTPUT_BEGIN:
    case PGOUTPUT_COMMIT:
    case PGOUTPUT_STREAM_START:
    case PGOUTPUT_STREAM_STOP:
    case PGOUTPUT_STREAM_COMMIT:
    case PGOUTPUT_STREAM_ABORT:
    case PGOUTPUT_BEGIN_PREPARE:
    case PGOUTPUT_PREPARE:
    case PGOUTPUT_COMMIT_PREPARED:
    case PGOUTPUT_ROLLBACK_PREPARED:
    case PGOUTPUT_STREAM_PREPARE:
        break;
    }
    return fail_order(m, "inside of a transaction", err);
}

/* ---- the order of messages ---- */

static firn_status
add_between(transaction_scope *scope, const pgoutput_message *m, uint64_t position, firn_error *err)
{
    kept_transaction **at;
    switch (m->kind) {
    case PGOUTPUT_BEGIN:
        begin_transaction(scope, m->xid, &m->transaction);
        scope->place = PLACE_PLAIN;
        return FIRN_OK;
    case PGOUTPUT_BEGIN_PREPARE:
        /* After a restart a PREPARE comes again whose first copy was dropped with everything kept. */
        if (*find_kept(scope, m->xid)) return fail_order(m, "for a transaction that is there already", err);
        return open_kept(scope, m->xid, false, PLACE_PREPARING, err);
    case PGOUTPUT_STREAM_START:
        return start_stream(scope, m, err);
    case PGOUTPUT_STREAM_ABORT:
        return abort_stream(scope, m, err);
    case PGOUTPUT_STREAM_COMMIT:
    case PGOUTPUT_COMMIT_PREPARED:
        return replay(scope, m, err);
    case PGOUTPUT_STREAM_PREPARE:
        return prepare(scope, *find_kept(scope, m->xid), m, err);
    case PGOUTPUT_ROLLBACK_PREPARED:
        at = find_kept(scope, m->xid);
        decide_hold(scope, m->xid, 0);
        if (*at) drop_one(scope, at);
        return FIRN_OK;
    case PGOUTPUT_MESSAGE:
    case PGOUTPUT_RELATION:
    case PGOUTPUT_TYPE:
    case PGOUTPUT_ORIGIN:
        scope->is_skipped = m->kind == PGOUTPUT_MESSAGE && m->text.position < scope->position;
        return hand_out(scope, m, position, err);
    case PGOUTPUT_COMMIT:
    case PGOUTPUT_INSERT:
    case PGOUTPUT_UPDATE:
    case PGOUTPUT_DELETE:
    case PGOUTPUT_TRUNCATE:
    case PGOUTPUT_STREAM_STOP:
    case PGOUTPUT_PREPARE:
        break;
    }
    return fail_order(m, "outside of a transaction", err);
}

static firn_status
commit_plain(transaction_scope *scope, const pgoutput_message *m, firn_error *err)
{
    if (m->transaction.position != scope->transaction.commit_position)
        return fail_order(m, "whose position is not that of its BEGIN", err);
    scope->transaction.end_position = m->transaction.end_position;
    scope->transaction.commit_time_us = m->transaction.time_us;
    scope->place = PLACE_BETWEEN;
    scope->end_waits = !scope->is_skipped;
    return FIRN_OK;
}

firn_status
transaction_scope_add(transaction_scope *scope, change_block *block, firn_slice message, uint64_t position, firn_error *err)
{
    pgoutput_message m;
    assert(!scope->change_waits && !scope->end_waits && !scope->restart_waits);
    scope->item.kind = ITEM_NOTHING;
    scope->block = block;
    FIRN_TRY(pgoutput_decode(message, scope->place == PLACE_STREAMED, &m, err));
    switch (scope->place) {
    case PLACE_PLAIN:
        if (m.kind == PGOUTPUT_COMMIT) return commit_plain(scope, &m, err);
        return hand_out(scope, &m, position, err);
    case PLACE_STREAMED:
        if (m.kind != PGOUTPUT_STREAM_STOP) break;
        scope->open = NULL;
        scope->place = PLACE_BETWEEN;
        return FIRN_OK;
    case PLACE_PREPARING:
        if (m.kind != PGOUTPUT_PREPARE) break;
        scope->place = PLACE_BETWEEN;
        if (m.xid != scope->open->xid) return fail_order(&m, "of another transaction", err);
        return prepare(scope, FIRN_STEAL(scope->open), &m, err);
    case PLACE_BETWEEN:
        return add_between(scope, &m, position, err);
    }
    if (m.kind == PGOUTPUT_TYPE || m.kind == PGOUTPUT_ORIGIN) return FIRN_OK;
    if (m.kind != PGOUTPUT_INSERT && m.kind != PGOUTPUT_UPDATE && m.kind != PGOUTPUT_DELETE && m.kind != PGOUTPUT_TRUNCATE &&
        m.kind != PGOUTPUT_RELATION && m.kind != PGOUTPUT_MESSAGE)
        return fail_order(&m, "inside of a transaction", err);
    /* PostgreSQL takes a table for described as soon as it is outside of streamed parts, whatever becomes of the
     * transaction; the table cannot change before that is decided. */
    if (m.kind == PGOUTPUT_RELATION && scope->place == PLACE_PREPARING)
        FIRN_TRY(relation_cache_put(&scope->relations, &m.relation, err));
    return keep(scope, message, position, err);
}

void
transaction_scope_add_idle(transaction_scope *scope, uint64_t position)
{
    assert(!scope->change_waits && !scope->end_waits);
    if (scope->place != PLACE_BETWEEN || scope->restart_waits) return;
    scope->item = (change_item){.kind = ITEM_IDLE, .position = position};
}

void
transaction_scope_restart(transaction_scope *scope)
{
    drop_kept(scope);
    /* The relations stay: the source describes each again before it is used, and an equal shape is nothing new.
     * What is not decided comes again with its PREPARE. */
    for (unsigned i = 0; i < scope->hold_count;)
        if (scope->holds[i].until == UINT64_MAX)
            scope->holds[i] = scope->holds[--scope->hold_count];
        else
            i++;
    scope->place = PLACE_BETWEEN;
    scope->change_waits = scope->end_waits = scope->begin_waits = false;
    scope->restart_waits = true;
}

/* The next message of the kept transaction that is handed out; false: it was the last. */
static firn_status
read_replayed(transaction_scope *scope, bool *ret_more, firn_error *err)
{
    kept_transaction *kept = scope->replayed;
    pgoutput_message  m;
    firn_slice        message;
    uint64_t          position;
    size_t            before = kept->memory_bytes;

    FIRN_TRY(kept_reader_next(&scope->reader, kept, &scope->block, &message, &position, err));
    scope->memory_bytes -= before - kept->memory_bytes;
    *ret_more = scope->block != NULL;
    if (!*ret_more) {
        kept_reader_done(&scope->reader);
        kept_transaction_free(FIRN_STEAL(scope->replayed));
        return FIRN_OK;
    }
    FIRN_TRY(pgoutput_decode(message, kept->has_xids, &m, err));
    /* A description also counts where its savepoint was rolled back: the source does not always repeat it. */
    if (m.kind != PGOUTPUT_RELATION && kept_transaction_is_aborted(kept, m.xid)) return FIRN_OK;
    return hand_out(scope, &m, position, err);
}

static void
take_single(transaction_scope *scope, change_item_kind kind, change_item *ret_item)
{
    *ret_item = (change_item){.kind = kind};
    ret_item->position = kind == ITEM_COMMIT || kind == ITEM_IDLE ? scope->transaction.end_position
                                                                 : scope->transaction.commit_position;
    ret_item->transaction = scope->transaction;
}

/* BEGIN or RELATION where one has to stand before the item that waits. False: neither. */
static bool
take_before(transaction_scope *scope, change_item *ret_item)
{
    bool is_inside = scope->place == PLACE_PLAIN || scope->replayed;
    if (scope->begin_waits && is_inside) {
        scope->begin_waits = false;
        take_single(scope, ITEM_BEGIN, ret_item);
        return true;
    }
    if (scope->item.kind != ITEM_CHANGE) return false;
    relation_entry *entry = relation_cache_find(&scope->relations, scope->item.change.relation->id);
    if (FIRN_LIKELY(entry->is_told)) return false;
    entry->is_told = true;
    *ret_item = (change_item){.kind = ITEM_RELATION, .position = scope->item.position, .relation = entry->newest};
    return true;
}

firn_status
transaction_scope_next(transaction_scope *scope, change_item *ret_item, firn_error *err)
{
    if (FIRN_UNLIKELY(scope->restart_waits)) {
        scope->restart_waits = false;
        scope->item.kind = ITEM_NOTHING;
        *ret_item = (change_item){.kind = ITEM_RESTART, .position = scope->position};
        return FIRN_OK;
    }
    for (;;) {
        if (scope->item.kind != ITEM_NOTHING) {
            if (scope->item.kind != ITEM_IDLE && take_before(scope, ret_item)) return FIRN_OK;
            *ret_item = scope->item;
            scope->item.kind = ITEM_NOTHING;
            if (scope->change_waits) {
                scope->change_waits = false;
                if (FIRN_UNLIKELY(ret_item->change.op == CHANGE_TRUNCATE)) {
                    FIRN_TRY(next_truncated(scope, err));
                    if (scope->change_waits) scope->item.kind = ITEM_CHANGE;
                }
            }
            return FIRN_OK;
        }
        bool more = false;
        if (scope->replayed) FIRN_TRY(read_replayed(scope, &more, err));
        if (more) continue;
        if (!scope->end_waits) break;
        scope->end_waits = false;
        scope->position = scope->transaction.end_position;
        take_single(scope, scope->begin_waits ? ITEM_IDLE : ITEM_COMMIT, ret_item);
        scope->begin_waits = false;
        return FIRN_OK;
    }
    ret_item->kind = ITEM_NOTHING;
    return FIRN_OK;
}
