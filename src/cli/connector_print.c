#include "cli/connector_print.h"

#include <string.h>

#include "cli/table_print.h"
#include "codec/json_writer.h"

/* What was done, or would be. */
static const char *
action_of(const connector_print *p)
{
    const connector_plan *plan = &p->result->plan;

    if (!plan->config.size) return "none"; /* it failed before there was a plan */
    if (!plan->exists) return p->dry_run || p->result->was_put ? "created" : "none";
    if (plan->change_count) return p->dry_run || p->result->was_put ? "updated" : "none";
    return p->result->was_restarted || p->result->offset_was_forgotten ? "restarted" : "unchanged";
}

/* ---- for people ---- */

static firn_status
add_changes(const connector_print *p, firn_arena *arena, firn_buffer *out, firn_error *err)
{
    const connector_plan *plan = &p->result->plan;
    const char           *headers[] = {"setting", "before", "after"};
    table_print           table;

    table_print_init(&table, arena, headers, FIRN_COUNT(headers));
    for (unsigned i = 0; i < plan->change_count; i++) {
        const connector_change *c = &plan->changes[i];
        const char             *cells[] = {c->setting, c->before ? c->before : "-", c->after ? c->after : "-"};
        FIRN_TRY(table_print_add(&table, cells, err));
    }
    FIRN_TRY(table_print_write(&table, out, err));
    return firn_buffer_add_byte(out, '\n', err);
}

static firn_status
add_kept(const connector_plan *plan, firn_buffer *out, firn_error *err)
{
    if (!plan->kept_count) return FIRN_OK;
    FIRN_TRY(firn_buffer_add_text(out, "kept as they were: ", err));
    for (unsigned i = 0; i < plan->kept_count; i++) FIRN_TRY(firn_buffer_printf(out, err, "%s%s", i ? ", " : "", plan->kept[i]));
    return firn_buffer_add_byte(out, '\n', err);
}

static firn_status
add_state(const connector_print *p, firn_buffer *out, firn_error *err)
{
    const connect_status *status = &p->result->status;

    if (!*status->connector.state) return FIRN_OK;
    FIRN_TRY(firn_buffer_printf(out, err, "connector %s on %s", status->connector.state, status->connector.worker));
    for (unsigned i = 0; i < status->task_count; i++)
        FIRN_TRY(firn_buffer_printf(out, err, ", task %lld %s on %s", (long long) status->tasks[i].id, status->tasks[i].state,
                                    status->tasks[i].worker));
    return firn_buffer_printf(out, err, "; slot %s %s\n", p->slot_name, p->result->ready.slot_pid ? "is being read" : "is not being read");
}

firn_status
connector_print_text(const connector_print *p, firn_arena *arena, firn_buffer *out, firn_error *err)
{
    const registration_result *result = p->result;

    if (!result->plan.config.size) return FIRN_OK;
    if (result->plan.exists && result->plan.change_count) FIRN_TRY(add_changes(p, arena, out, err));
    FIRN_TRY(add_kept(&result->plan, out, err));
    FIRN_TRY(firn_buffer_printf(out, err, "%s at %s (Kafka Connect %s, Debezium %s): %s%s; topics %s.*\n", result->name, p->origin,
                                result->worker.version, result->plugin_version, p->dry_run ? "would be " : "", action_of(p),
                                p->topic_prefix));
    return add_state(p, out, err);
}

/* ---- for programs ---- */

static void
write_part(jwriter *w, const connect_part *part)
{
    jwrite_object(w);
    if (part->id >= 0) jwrite_member_i64(w, "id", part->id);
    jwrite_member_text(w, "state", part->state);
    jwrite_member_text(w, "worker", *part->worker ? part->worker : NULL);
    jwrite_member_text(w, "trace", *part->trace ? part->trace : NULL);
    jwrite_object_end(w);
}

static void
write_plan(jwriter *w, const connector_plan *plan)
{
    jwrite_key(w, "changes");
    jwrite_array(w);
    for (unsigned i = 0; i < plan->change_count; i++) {
        jwrite_object(w);
        jwrite_member_text(w, "setting", plan->changes[i].setting);
        jwrite_member_text(w, "before", plan->changes[i].before);
        jwrite_member_text(w, "after", plan->changes[i].after);
        jwrite_object_end(w);
    }
    jwrite_array_end(w);
    jwrite_key(w, "kept");
    jwrite_array(w);
    for (unsigned i = 0; i < plan->kept_count; i++) jwrite_text(w, plan->kept[i]);
    jwrite_array_end(w);
}

static void
write_state(jwriter *w, const registration_result *result)
{
    jwrite_key(w, "connector");
    if (*result->status.connector.state) write_part(w, &result->status.connector);
    else jwrite_null(w);
    jwrite_key(w, "tasks");
    jwrite_array(w);
    for (unsigned i = 0; i < result->status.task_count; i++) write_part(w, &result->status.tasks[i]);
    jwrite_array_end(w);
    jwrite_key(w, "refused");
    jwrite_array(w);
    for (unsigned i = 0; i < result->complaint_count; i++) {
        jwrite_object(w);
        jwrite_member_text(w, "setting", result->complaints[i].setting);
        jwrite_member_text(w, "text", result->complaints[i].text);
        jwrite_object_end(w);
    }
    jwrite_array_end(w);
}

firn_status
connector_print_json(const connector_print *p, firn_buffer *out, firn_error *err)
{
    const registration_result *result = p->result;
    jwriter                    w;

    jwrite_begin(&w, out, true, err);
    jwrite_object(&w);
    jwrite_member_text(&w, "source", p->source_name);
    jwrite_member_text(&w, "name", result->name);
    jwrite_member_text(&w, "url", p->origin);
    jwrite_member_text(&w, "connect_version", result->worker.version);
    jwrite_member_text(&w, "kafka_cluster_id", result->worker.cluster_id);
    jwrite_member_text(&w, "plugin_version", result->plugin_version);
    jwrite_member_bool(&w, "dry_run", p->dry_run);
    jwrite_member_text(&w, "action", action_of(p));
    jwrite_member_text(&w, "topic_prefix", p->topic_prefix);
    jwrite_member_text(&w, "slot", p->slot_name);
    jwrite_member_bool(&w, "offset_was_forgotten", result->offset_was_forgotten);
    jwrite_member_bool(&w, "slot_is_read", result->ready.slot_pid != 0);
    write_plan(&w, &result->plan);
    write_state(&w, result);
    jwrite_object_end(&w);
    FIRN_TRY(jwrite_end(&w));
    return firn_buffer_add_byte(out, '\n', err);
}
