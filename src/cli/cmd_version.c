#include <string.h>

#include "cli/session.h"
#include "cli/table_print.h"
#include "cli/version.h"
#include "codec/json_writer.h"
#include "kafka/kafka_cluster.h"

/* "name version", |-separated, as the build found them. */
#ifndef FIRN_LIBRARIES
#define FIRN_LIBRARIES ""
#endif

static firn_slice
library_name(firn_slice library)
{
    const uint8_t *space = memchr(library.data, ' ', library.size);

    return firn_slice_of(library.data, space ? (size_t) (space - library.data) : library.size);
}

/* librdkafka's is that of the library that runs: whether SCRAM works depends on it. */
static firn_slice
library_version(firn_slice library, firn_slice name)
{
    if (firn_slice_equal(name, firn_slice_text("rdkafka"))) return firn_slice_text(kafka_library_version());
    return name.size < library.size ? firn_slice_of(name.data + name.size + 1, library.size - name.size - 1) : firn_slice_text("");
}

static firn_status
version_json(session *s, firn_error *err)
{
    jwriter    w;
    firn_slice library;

    jwrite_begin(&w, &s->result, true, err);
    jwrite_object(&w);
    jwrite_member_text(&w, "firn", FIRN_VERSION);
    jwrite_key(&w, "libraries");
    jwrite_object(&w);
    for (const char *cursor = FIRN_LIBRARIES; option_next_choice(&cursor, &library);) {
        const char *name = firn_arena_text(&s->arena, library_name(library));
        if (!name) return firn_fail_memory(err, "the versions");
        jwrite_key(&w, name);
        jwrite_text_slice(&w, library_version(library, library_name(library)));
    }
    jwrite_object_end(&w);
    jwrite_object_end(&w);
    FIRN_TRY(jwrite_end(&w));
    return firn_buffer_add_byte(&s->result, '\n', err);
}

firn_status
cmd_version_run(session *s, firn_error *err)
{
    const char *format = settings_text(&s->values, OPTION_FORMAT);
    firn_slice  library;

    if (format && strcmp(format, "json") == 0) return version_json(s, err);
    FIRN_TRY(firn_buffer_printf(&s->result, err, "firn %s\n", FIRN_VERSION));
    for (const char *cursor = FIRN_LIBRARIES; option_next_choice(&cursor, &library);) {
        firn_slice name = library_name(library), version = library_version(library, name);
        FIRN_TRY(firn_buffer_printf(&s->result, err, "  %.*s %.*s\n", (int) name.size, (const char *) name.data, (int) version.size,
                                    (const char *) version.data));
    }
    return FIRN_OK;
}
