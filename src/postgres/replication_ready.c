#include "postgres/replication_ready.h"

#include <stdio.h>

#include "change/change_stream.h"
#include "postgres/postgres_source_internal.h"
#include "postgres/publication.h"
#include "postgres/replication_slot.h"

#define SQL_BYTES_MAX ((size_t) 16 << 20)

static firn_status
look_at_server(postgres_source *s, replication_ready *ready, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;

    FIRN_TRY(postgres_query(s->catalog, "SELECT pg_is_in_recovery()", NULL, 0, "looking at the server", &row, err));
    ready->in_recovery = postgres_cell_true(row, 0, 0);
    ready->server_version = s->catalog->server_version;
    return FIRN_OK;
}

static firn_status
look_at_publication(postgres_source *s, const char *const names[], unsigned count, firn_arena *arena, replication_ready *ready,
                    firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer sql = {0};
    publication_state    state = {0};
    source_table        *tables = firn_arena_array(arena, count + 1, sizeof *tables);
    const source_table **listed = firn_arena_array(arena, count + 1, sizeof *listed);

    if (!tables || !listed) return firn_fail_memory(err, "the tables");
    for (unsigned i = 0; i < count; i++) {
        tables[i] = (source_table){.name = names[i], .kind = TABLE_ORDINARY};
        listed[i] = &tables[i];
    }
    FIRN_TRY(publication_look(s->catalog, &s->settings, listed, count, arena, &state, err));
    ready->has_publication = state.exists;
    published_table *published = firn_arena_array(arena, state.table_count + 1, sizeof *published);
    if (!published) return firn_fail_memory(err, "the publication's tables");
    ready->published = published;
    for (unsigned i = 0; i < state.table_count; i++) {
        const publication_table *table = &state.tables[i];
        if (table->published_by) published[ready->published_count++] = (published_table){table->name, table->published_by};
        if (table->published) continue;
        if (!ready->unpublished) ready->unpublished = state.tables[i].name;
        ready->unpublished_count++;
    }
    firn_buffer_init(&sql, SQL_BYTES_MAX);
    FIRN_TRY(publication_add_sql(&state, s->catalog->server_version, &sql, err));
    ready->publication_sql = firn_arena_text(arena, firn_buffer_slice(&sql));
    return ready->publication_sql ? FIRN_OK : firn_fail_memory(err, "SQL");
}

static firn_status
look_at_positions(postgres_source *s, replication_ready *ready, firn_error *err)
{
    FIRN_AUTO(postgres_result_freep) PGresult *row = NULL;
    const char *parameters[] = {s->settings.slot_name};

    FIRN_TRY(postgres_query(s->catalog, "SELECT restart_lsn, confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = $1", parameters,
                            1, "looking at the replication slot", &row, err));
    ready->slot_restart = ready->slot_confirmed = 0;
    if (PQntuples(row) == 0) return FIRN_OK; /* dropped just now */
    const char *restart = postgres_cell(row, 0, 0), *confirmed = postgres_cell(row, 0, 1);
    if ((restart && !change_position_parse(restart, &ready->slot_restart)) ||
        (confirmed && !change_position_parse(confirmed, &ready->slot_confirmed)))
        return firn_fail(err, FIRN_E_POSTGRES_PROTOCOL, "the slot's positions are none");
    return FIRN_OK;
}

static firn_status
look_at_slot(postgres_source *s, replication_ready *ready, firn_error *err)
{
    slot_state slot;

    FIRN_TRY(replication_slot_look(s->catalog, s->settings.slot_name, &slot, err));
    ready->has_slot = slot.exists;
    ready->slot_foreign = slot.exists && slot.foreign;
    ready->slot_lost = slot.exists && slot.lost;
    ready->slot_pid = slot.exists ? slot.active_pid : 0;
    if (slot.exists) FIRN_TRY(look_at_positions(s, ready, err));
    if (ready->slot_foreign)
        snprintf(ready->slot_owner, sizeof ready->slot_owner, "plugin '%s', database '%s'", slot.plugin, slot.database);
    return FIRN_OK;
}

firn_status
replication_ready_look_slot(source *src, replication_ready *ready, firn_error *err)
{
    postgres_source *s = (postgres_source *) src; /* base is its first member */

    task_lock_hold(s->catalog_lock);
    firn_status status = look_at_slot(s, ready, err);
    task_lock_release(s->catalog_lock);
    return status;
}

firn_status
replication_ready_look(source *src, const char *const tables[], unsigned table_count, firn_arena *arena,
                       replication_ready *ret_ready, firn_error *err)
{
    postgres_source *s = (postgres_source *) src; /* base is its first member */

    *ret_ready = (replication_ready){0};
    task_lock_hold(s->catalog_lock);
    firn_status status = look_at_server(s, ret_ready, err);
    if (status == FIRN_OK) status = look_at_publication(s, tables, table_count, arena, ret_ready, err);
    if (status == FIRN_OK) status = look_at_slot(s, ret_ready, err);
    if (status == FIRN_OK && ret_ready->has_publication && ret_ready->has_slot && !ret_ready->slot_foreign)
        status = publication_is_younger(s->catalog, s->settings.publication_name, s->settings.slot_name,
                                        &ret_ready->publication_younger, err);
    task_lock_release(s->catalog_lock);
    return status;
}
