#include "cli/connector_plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static const char wanted_text[] = "{\"connector.class\":\"C\",\"topic.prefix\":\"t\",\"database.dbname\":\"d\",\"time.precision.mode\":"
                                  "\"microseconds\",\"database.password\":\"${env:PW}\",\"value.converter\":\"Json\","
                                  "\"value.converter.schemas.enable\":\"false\",\"value.converter.replace.null.with.default\":\"false\"}";

typedef struct planned {
    firn_arena     arena;
    jdoc          *wanted, *existing, *merged;
    connector_plan plan;
    firn_status    status;
    firn_error     err;
} planned;

static void
planned_done(planned *p)
{
    connector_plan_done(&p->plan);
    jdoc_free(p->wanted);
    jdoc_free(p->existing);
    jdoc_free(p->merged);
    firn_arena_done(&p->arena);
}

static void
make(planned *p, const char *existing)
{
    firn_error err = {0};

    assert_int_equal(jdoc_parse(firn_slice_text(wanted_text), "wanted", &p->wanted, &err), FIRN_OK);
    if (existing) assert_int_equal(jdoc_parse(firn_slice_text(existing), "existing", &p->existing, &err), FIRN_OK);
    p->status = connector_plan_make("firn_shop", jdoc_root(p->wanted), existing ? jdoc_root(p->existing) : NULL, &p->arena, &p->plan,
                                    &p->err);
    if (p->status == FIRN_OK)
        assert_int_equal(jdoc_parse(firn_buffer_slice(&p->plan.config), "merged", &p->merged, &err), FIRN_OK);
}

static const char *
merged(const planned *p, const char *setting)
{
    const char *text = jtext(jget(jdoc_root(p->merged), setting));
    return text ? text : "(none)";
}

static void
new_connector_gets_everything(void **state FIRN_UNUSED)
{
    FIRN_AUTO(planned_done) planned p = {0};

    make(&p, NULL);
    assert_int_equal(p.status, FIRN_OK);
    assert_false(p.plan.exists);
    assert_int_equal(p.plan.change_count, 8);
    assert_int_equal(p.plan.kept_count, 0);
    assert_null(p.plan.form_change);
    assert_string_equal(merged(&p, "name"), "firn_shop");
    assert_string_equal(merged(&p, "value.converter"), "Json");
}

static void
same_settings_are_no_change(void **state FIRN_UNUSED)
{
    FIRN_AUTO(planned_done) planned p = {0};

    make(&p, "{\"name\":\"firn_shop\",\"connector.class\":\"C\",\"topic.prefix\":\"t\",\"database.dbname\":\"d\",\"time.precision.mode\":"
             "\"microseconds\",\"database.password\":\"${env:PW}\",\"value.converter\":\"Json\",\"value.converter.schemas.enable\":"
             "\"false\",\"value.converter.replace.null.with.default\":\"false\"}");
    assert_int_equal(p.status, FIRN_OK);
    assert_int_equal(p.plan.change_count, 0);
    assert_int_equal(p.plan.kept_count, 0);
}

static void
ours_are_set_back_and_the_users_stay(void **state FIRN_UNUSED)
{
    FIRN_AUTO(planned_done) planned p = {0};

    make(&p, "{\"name\":\"firn_shop\",\"connector.class\":\"C\",\"topic.prefix\":\"t\",\"database.dbname\":\"d\",\"time.precision.mode\":"
             "\"adaptive\",\"database.password\":\"tiger\",\"max.batch.size\":\"8192\",\"message.key.columns\":\"x:y\",\"gone\":null,"
             "\"value.converter\":\"Avro\",\"value.converter.url\":\"u\"}");
    assert_int_equal(p.status, FIRN_OK);
    assert_true(p.plan.exists);
    assert_int_equal(p.plan.change_count, 5);
    assert_string_equal(p.plan.changes[0].setting, "time.precision.mode");
    assert_string_equal(p.plan.changes[0].before, "adaptive");
    assert_string_equal(p.plan.changes[0].after, "microseconds");
    /* A password in clear is not shown; a reference is. */
    assert_string_equal(p.plan.changes[1].before, "***");
    assert_string_equal(p.plan.changes[1].after, "${env:PW}");
    /* Whatever converts shall not write a default in the place of null. */
    assert_string_equal(p.plan.changes[2].setting, "value.converter.replace.null.with.default");
    assert_string_equal(merged(&p, "value.converter.replace.null.with.default"), "false");
    assert_string_equal(p.plan.changes[3].setting, "value.converter.ignore.default.for.nullables");
    assert_string_equal(merged(&p, "value.converter.ignore.default.for.nullables"), "true");
    /* Left over from a configuration with primary_keys. */
    assert_string_equal(p.plan.changes[4].setting, "message.key.columns");
    assert_null(p.plan.changes[4].after);
    assert_string_equal(merged(&p, "message.key.columns"), "(none)");
    assert_string_equal(p.plan.form_change, "time.precision.mode");
    assert_string_equal(merged(&p, "max.batch.size"), "8192");
    assert_string_equal(merged(&p, "gone"), "(none)");
    /* Converters are kept as a whole: half Avro, half JSON would be neither. */
    assert_string_equal(merged(&p, "value.converter"), "Avro");
    assert_string_equal(merged(&p, "value.converter.url"), "u");
    assert_string_equal(merged(&p, "value.converter.schemas.enable"), "(none)");
    assert_int_equal(p.plan.kept_count, 3);
}

static void
somebody_elses_connector_is_refused(void **state FIRN_UNUSED)
{
    static const char *const others[] = {
        "{\"connector.class\":\"S3\"}",
        "{\"connector.class\":\"C\",\"topic.prefix\":\"other\",\"database.dbname\":\"d\"}",
        "{\"connector.class\":\"C\",\"topic.prefix\":\"t\",\"database.dbname\":\"other\"}",
    };

    for (size_t i = 0; i < FIRN_COUNT(others); i++) {
        FIRN_AUTO(planned_done) planned p = {0};
        make(&p, others[i]);
        assert_int_equal(p.status, FIRN_USAGE);
        assert_int_equal(p.err.code, FIRN_E_CONNECTOR_OTHER);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(new_connector_gets_everything),
        cmocka_unit_test(same_settings_are_no_change),
        cmocka_unit_test(ours_are_set_back_and_the_users_stay),
        cmocka_unit_test(somebody_elses_connector_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
