#include "cli/connector_plan.h"

#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "codec/json_writer.h"

#define CONFIG_BYTES_MAX ((size_t) 64 << 20)

/* ---- kinds of settings ---- */

/* The user's as soon as the connector has one that begins so: firn writes it into new connectors only. */
static const char *const adopted_prefixes[] = {"key.converter", "value.converter", "heartbeat.action.query",
                                               "topic.creation.default.partitions",
                                               "topic.creation.default.replication.factor"};

/* Written by firn in some configurations only; left over from another one, it would go on to act. */
#define LEFTOVER "message.key.columns"

static const char *const form_prefixes[] = {
    "decimal.handling.mode", "time.precision.mode", "interval.handling.mode", "hstore.handling.mode", "binary.handling.mode",
    "unavailable.value.placeholder", "include.unknown.datatypes", "message.key.columns", "key.converter", "value.converter",
};

static bool
begins_with_one(const char *setting, const char *const prefixes[], size_t count, const char **ret_prefix)
{
    for (size_t i = 0; i < count; i++) {
        if (!text_starts_with(setting, prefixes[i])) continue;
        if (ret_prefix) *ret_prefix = prefixes[i];
        return true;
    }
    return false;
}

static bool
may_be_secret(const char *setting)
{
    static const char *const words[] = {"password", "secret", "token", "credential", "jaas", "passphrase", "user.info"};

    for (size_t i = 0; i < FIRN_COUNT(words); i++) {
        if (strcasestr(setting, words[i])) return true;
    }
    return false;
}

/* A value as it may be shown: a reference is no secret. */
static const char *
shown(const char *setting, const char *value)
{
    size_t size = value ? strlen(value) : 0;

    if (!value || !may_be_secret(setting)) return value;
    return size > 3 && text_starts_with(value, "${") && value[size - 1] == '}' && !strchr(value + 2, '$') ? value : "***";
}

/* Whether the connector has a setting of the user's that begins so. */
static bool
has_prefix(const jvalue *existing, const char *prefix)
{
    for (size_t i = 0; i < jcount(existing); i++) {
        if (jtext(jvalue_at(existing, i)) && text_starts_with(jkey_at(existing, i), prefix)) return true;
    }
    return false;
}

/* Whatever converts: it must not write a column's default where the row has null. */
static bool
is_about_nulls(const char *setting)
{
    return strstr(setting, ".replace.null.with.default");
}

static bool
is_adopted(const char *setting, const jvalue *existing)
{
    const char *prefix;

    if (is_about_nulls(setting)) return false;
    return existing && begins_with_one(setting, adopted_prefixes, FIRN_COUNT(adopted_prefixes), &prefix) &&
           has_prefix(existing, prefix);
}

/* ---- somebody else's ---- */

static firn_status
check_same(const char *name, const char *setting, const jvalue *wanted, const jvalue *existing, firn_error *err)
{
    const char *here = jtext(jget(wanted, setting)), *there = jtext(jget(existing, setting));

    if (!there || (here && strcmp(here, there) == 0)) return FIRN_OK;
    (void) firn_fail(err, FIRN_E_CONNECTOR_OTHER, "Kafka Connect has a connector '%s' already, with %s '%.100s' instead of '%s'", name,
                     setting, there, here ? here : "none");
    firn_hint(err, "it may be another project's; rename the source, or remove the connector if nobody needs it (DELETE /connectors/%s)",
              name);
    firn_state(err, "the connector is as it was");
    return err->status;
}

/* ---- the plan ---- */

static void
add_change(connector_plan *plan, const char *setting, const char *before, const char *after)
{
    plan->changes[plan->change_count++] = (connector_change){setting, shown(setting, before), shown(setting, after)};
    if (plan->exists && !plan->form_change && begins_with_one(setting, form_prefixes, FIRN_COUNT(form_prefixes), NULL))
        plan->form_change = setting;
}

static firn_status
keep_texts(connector_plan *plan, firn_arena *arena, firn_error *err)
{
    for (unsigned i = 0; i < plan->change_count; i++) {
        connector_change *c = &plan->changes[i];
        const char      **texts[] = {&c->setting, &c->before, &c->after};
        for (size_t t = 0; t < FIRN_COUNT(texts); t++) {
            if (!*texts[t]) continue;
            *texts[t] = firn_arena_strdup(arena, *texts[t]);
            if (!*texts[t]) return firn_fail_memory(err, "a connector's settings");
        }
    }
    for (unsigned i = 0; i < plan->kept_count; i++) {
        plan->kept[i] = firn_arena_strdup(arena, plan->kept[i]);
        if (!plan->kept[i]) return firn_fail_memory(err, "a connector's settings");
    }
    if (!plan->form_change) return FIRN_OK;
    plan->form_change = firn_arena_strdup(arena, plan->form_change);
    return plan->form_change ? FIRN_OK : firn_fail_memory(err, "a connector's settings");
}

/* firn's own settings: set, or set back. */
static void
take_wanted(connector_plan *plan, const jvalue *wanted, const jvalue *existing, jwriter *w)
{
    for (size_t i = 0; i < jcount(wanted); i++) {
        const char *setting = jkey_at(wanted, i), *value = jtext(jvalue_at(wanted, i));
        const char *before = jtext(jget(existing, setting));
        if (is_adopted(setting, existing)) continue; /* taken with the others */
        jwrite_member_text(w, setting, value);
        if (!before || strcmp(before, value) != 0) add_change(plan, setting, before, value);
    }
}

/* The same for Confluent's Avro converter, which has a setting of its own for it. */
static const char *const avro_settings[][2] = {{"key.converter", "key.converter.ignore.default.for.nullables"},
                                               {"value.converter", "value.converter.ignore.default.for.nullables"}};

static bool
uses_avro(const jvalue *existing, size_t side)
{
    const char *class_name = jtext(jget(existing, avro_settings[side][0]));
    return class_name && strstr(class_name, "Avro");
}

static bool
is_avro_setting(const char *setting, const jvalue *existing)
{
    for (size_t i = 0; i < FIRN_COUNT(avro_settings); i++) {
        if (strcmp(setting, avro_settings[i][1]) == 0 && uses_avro(existing, i)) return true;
    }
    return false;
}

static void
take_avro(connector_plan *plan, const jvalue *existing, jwriter *w)
{
    for (size_t i = 0; i < FIRN_COUNT(avro_settings); i++) {
        const char *before = jtext(jget(existing, avro_settings[i][1]));
        if (!uses_avro(existing, i)) continue;
        jwrite_member_text(w, avro_settings[i][1], "true");
        if (!before || strcmp(before, "true") != 0) add_change(plan, avro_settings[i][1], before, "true");
    }
}

static void
take_existing(connector_plan *plan, const jvalue *wanted, const jvalue *existing, jwriter *w)
{
    for (size_t i = 0; i < jcount(existing); i++) {
        const char *setting = jkey_at(existing, i), *value = jtext(jvalue_at(existing, i));
        const char *ours = jtext(jget(wanted, setting));
        if (!value || strcmp(setting, "name") == 0) continue;
        if (ours && !is_adopted(setting, existing)) continue;
        if (is_avro_setting(setting, existing)) continue; /* taken already */
        if (!ours && strcmp(setting, LEFTOVER) == 0) {
            add_change(plan, setting, value, NULL);
            continue;
        }
        jwrite_member_text(w, setting, value);
        if (!ours || strcmp(ours, value) != 0) plan->kept[plan->kept_count++] = setting;
    }
}

firn_status
connector_plan_make(const char *name, const jvalue *wanted, const jvalue *existing, firn_arena *arena, connector_plan *ret_plan,
                    firn_error *err)
{
    static const char *const identity[] = {"connector.class", "database.dbname", "topic.prefix"};
    connector_plan           plan = {.exists = existing != NULL};
    size_t                   most = jcount(wanted) + jcount(existing) + 3;
    jwriter                  w;

    for (size_t i = 0; existing && i < FIRN_COUNT(identity); i++) {
        FIRN_TRY(check_same(name, identity[i], wanted, existing, err));
    }
    plan.changes = firn_arena_array(arena, most, sizeof *plan.changes);
    plan.kept = firn_arena_array(arena, most, sizeof *plan.kept);
    if (!plan.changes || !plan.kept) return firn_fail_memory(err, "a connector's settings");
    firn_buffer_init(&plan.config, CONFIG_BYTES_MAX);
    jwrite_begin(&w, &plan.config, false, err);
    jwrite_object(&w);
    jwrite_member_text(&w, "name", name);
    take_wanted(&plan, wanted, existing, &w);
    take_avro(&plan, existing, &w);
    take_existing(&plan, wanted, existing, &w);
    jwrite_object_end(&w);
    firn_status status = jwrite_end(&w);
    if (status == FIRN_OK) status = keep_texts(&plan, arena, err);
    if (status != FIRN_OK) {
        connector_plan_done(&plan);
        return status;
    }
    *ret_plan = plan;
    return FIRN_OK;
}

void
connector_plan_done(connector_plan *plan)
{
    firn_buffer_done(&plan->config);
}
