#include "catalog/hadoop_catalog.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/text.h"
#include "catalog/folder_name.h"
#include "codec/compressor.h"
#include "iceberg/file_names.h"
#include "iceberg/snapshot_producer.h"
#include "iceberg/table_metadata_read.h"
#include "storage/location.h"

#define HINT_NAME "version-hint.text"
#define HINT_SIZE_MAX 64
#define READ_TRIES 5

typedef struct hadoop_catalog {
    catalog base;
    char   *warehouse; /* without a trailing slash */
} hadoop_catalog;

/* One table during one call. */
typedef struct hadoop_table {
    storage    *files;
    const char *location, *metadata_folder;
    firn_arena  arena;
} hadoop_table;

static void
hadoop_table_done(hadoop_table *t)
{
    firn_arena_done(&t->arena);
}

/* ---- where ---- */

static firn_status
add_folder(const char *name, firn_buffer *out, firn_error *err)
{
    FIRN_TRY(firn_buffer_add_byte(out, '/', err));
    return folder_name_add(name, out, err);
}

/* The folder of the namespace, and of the table where there is a name. */
static firn_status
find_location(const hadoop_catalog *c, const table_ident *ident, firn_arena *arena, const char **ret_location,
              firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};

    firn_buffer_init(&text, 64 << 10);
    FIRN_TRY(firn_buffer_add_text(&text, c->warehouse, err));
    for (unsigned i = 0; i < ident->level_count; i++) FIRN_TRY(add_folder(ident->namespace_levels[i], &text, err));
    if (ident->name) FIRN_TRY(add_folder(ident->name, &text, err));
    *ret_location = firn_arena_text(arena, firn_buffer_slice(&text));
    return *ret_location ? FIRN_OK : firn_fail_memory(err, "a table's location");
}

static firn_status
hadoop_location(catalog *c, const table_ident *ident, firn_arena *arena, const char **ret_location, firn_error *err)
{
    return find_location((hadoop_catalog *) c, ident, arena, ret_location, err);
}

static firn_status
open_table(catalog *c, const table_ident *ident, hadoop_table *t, firn_error *err)
{
    t->files = c->files;
    FIRN_TRY(find_location((hadoop_catalog *) c, ident, &t->arena, &t->location, err));
    t->metadata_folder = file_name_metadata_folder(&t->arena, t->location);
    return t->metadata_folder ? FIRN_OK : firn_fail_memory(err, "a table's location");
}

/* ---- which version ---- */

static firn_status
version_location(hadoop_table *t, int64_t version, const char *suffix, const char **ret_location, firn_error *err)
{
    const char *name = firn_arena_printf(&t->arena, "v%" PRId64 "%s", version, suffix);

    *ret_location = name ? location_join(&t->arena, t->metadata_folder, name) : NULL;
    return *ret_location ? FIRN_OK : firn_fail_memory(err, "a metadata file's name");
}

/* The file of a version, whichever form it has; *ret_location NULL: there is none. */
static firn_status
find_version_file(hadoop_table *t, int64_t version, const char **ret_location, firn_error *err)
{
    static const char *const suffixes[] = {".metadata.json", ".gz.metadata.json", ".metadata.json.gz"};

    for (unsigned i = 0; i < FIRN_COUNT(suffixes); i++) {
        storage_object object;
        firn_status    status;

        FIRN_TRY(version_location(t, version, suffixes[i], ret_location, err));
        status = t->files->ops->stat(t->files, *ret_location, &object, err);
        if (status == FIRN_OK) return FIRN_OK;
        if (status != FIRN_NOT_FOUND) return status;
        firn_error_reset(err);
    }
    *ret_location = NULL;
    return FIRN_OK;
}

/* What the hint says; -1: there is none, or it is no number. */
static int64_t
read_hint(hadoop_table *t)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};
    const char *location = location_join(&t->arena, t->metadata_folder, HINT_NAME);
    firn_error  local = {0};
    firn_slice  digits;
    int64_t     version;

    firn_buffer_init(&text, HINT_SIZE_MAX);
    if (!location || storage_read_all(t->files, location, &text, &local) != FIRN_OK) return -1;
    digits = firn_buffer_slice(&text);
    while (digits.size > 0 && (digits.data[digits.size - 1] == '\n' || digits.data[digits.size - 1] == '\r'))
        digits.size--;
    return text_parse_i64(digits, &version) && version > 0 && version < INT32_MAX ? version : -1;
}

typedef struct version_search {
    int64_t newest;
    bool    has_foreign; /* metadata files that are not named by versions: another catalog's table */
} version_search;

static firn_status
visit_metadata(void *state, const storage_object *object, firn_error *err)
{
    version_search *search = state;
    const char     *name = location_name(object->location);
    int64_t         version;

    (void) err;
    if (name[0] == '.') return FIRN_OK; // temporary, or Hadoop's checksums
    if (file_name_metadata_version(name, &version) && version < INT32_MAX) {
        if (version > search->newest) search->newest = version;
    } else if (strspn(name, "0123456789") == 5 && name[5] == '-' && text_ends_with(name, ".metadata.json")) {
        search->has_foreign = true; // 00003-<uuid>: Spark's temporary files here begin with a uuid's 8 digits
    }
    return FIRN_OK;
}

/*
 * The newest version: from the hint forwards, or, where the hint helps nothing, from the folder's names.
 * *ret_location NULL: no table here.
 */
static firn_status
find_newest(hadoop_table *t, int64_t *ret_version, const char **ret_location, firn_error *err)
{
    int64_t     version = read_hint(t);
    const char *location = NULL;

    if (version > 0) FIRN_TRY(find_version_file(t, version, &location, err));
    if (!location) {
        version_search search = {.newest = 0};

        FIRN_TRY(t->files->ops->list(t->files, t->metadata_folder, visit_metadata, &search, err));
        version = search.newest;
        if (version == 0 && search.has_foreign) {
            (void) firn_fail(err, FIRN_E_ICEBERG_UNSUPPORTED,
                             "'%s' holds a table of another kind of catalog (its metadata files have no versions)",
                             t->location);
            firn_hint(err, "choose another warehouse or namespace");
            return err->status;
        }
        if (version > 0) FIRN_TRY(find_version_file(t, version, &location, err));
    }
    while (location) {
        const char *next;

        FIRN_TRY(find_version_file(t, version + 1, &next, err));
        if (!next) break;
        location = next;
        version++;
    }
    *ret_version = location ? version : 0;
    *ret_location = location;
    return FIRN_OK;
}

/* ---- load ---- */

static firn_status
hadoop_load(catalog *c, const table_ident *ident, table_metadata **ret_metadata, firn_error *err)
{
    FIRN_AUTO(hadoop_table_done) hadoop_table t = {0};

    FIRN_TRY(open_table(c, ident, &t, err));
    for (unsigned attempt = 1;; attempt++) {
        const char *location;
        int64_t     version;
        firn_status status;

        FIRN_TRY(find_newest(&t, &version, &location, err));
        if (!location)
            return firn_fail(err, FIRN_E_CATALOG_TABLE_NOT_FOUND, "there is no table at '%s'", t.location);
        status = table_metadata_load(t.files, location, ret_metadata, err);
        if (status == FIRN_OK) {
            (*ret_metadata)->version = version;
            return FIRN_OK;
        }
        // A writer that trims its metadata may have removed the file since: there is a newer one then.
        if (status != FIRN_NOT_FOUND || attempt == READ_TRIES) return status;
        firn_error_reset(err);
    }
}

/* ---- commit ---- */

/* Whether the file holds just these bytes. FIRN_UNKNOWN where that cannot be found out. */
static firn_status
holds(hadoop_table *t, const char *location, firn_slice bytes, bool *ret_there, bool *ret_same, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer found = {0};
    firn_error  local = {0};
    firn_status status;

    firn_buffer_init(&found, TABLE_METADATA_SIZE_MAX);
    status = storage_read_all(t->files, location, &found, &local);
    if (status != FIRN_OK && status != FIRN_NOT_FOUND) {
        firn_error_reset(err);
        return firn_fail(err, FIRN_E_CATALOG_UNKNOWN, "it is not known whether '%s' was written: %s", location,
                         local.cause);
    }
    *ret_there = status == FIRN_OK;
    *ret_same = status == FIRN_OK && firn_slice_equal(firn_buffer_slice(&found), bytes);
    return FIRN_OK;
}

/*
 * Claims the version. Whatever the storage answers, what counts is whose bytes the version holds: an answer may be
 * lost after the file was made, and our own first try may then look like someone else's.
 */
static firn_status
claim(hadoop_table *t, const char *location, int64_t version, firn_slice bytes, firn_error *err)
{
    firn_status status = t->files->ops->put_new(t->files, location, bytes, err);
    bool        there, same;

    if (status == FIRN_OK) return FIRN_OK;
    FIRN_TRY(holds(t, location, bytes, &there, &same, err));
    if (same) {
        firn_error_reset(err);
        return FIRN_OK;
    }
    if (there) {
        firn_error_reset(err);
        return firn_fail(err, FIRN_E_CATALOG_CONFLICT, "version %" PRId64 " of '%s' was committed by another writer",
                         version, t->location);
    }
    return status == FIRN_CONFLICT ? FIRN_CONFLICT
                                   : firn_while(err, "committing version %" PRId64 " of '%s'", version, t->location);
}

/* Best effort: readers look forward from what the hint says. */
static void
write_hint(hadoop_table *t, int64_t version)
{
    const char *location = location_join(&t->arena, t->metadata_folder, HINT_NAME);
    char        text[24];
    firn_error  local = {0};

    snprintf(text, sizeof text, "%" PRId64, version);
    if (!location || t->files->ops->put(t->files, location, firn_slice_text(text), &local) != FIRN_OK)
        log_debug("cannot write the version hint of '%s': %s", t->location, local.cause);
}

/* Plain, or gzip where the table asks for it, so that all writers claim a version under the same name. */
static firn_status
encode(const table_metadata *base, const table_change *change, const firn_buffer *json, firn_buffer *gzip,
       firn_slice *ret_bytes, const char **ret_suffix, firn_error *err)
{
    FIRN_AUTO(compressor_freep) compressor *c = NULL;
    const char *codec = base ? table_metadata_property(base, "write.metadata.compression-codec") : NULL;

    for (unsigned i = 0; i < change->property_count; i++) {
        if (strcmp(change->properties[i].key, "write.metadata.compression-codec") == 0)
            codec = change->properties[i].value;
    }
    *ret_bytes = firn_buffer_slice(json);
    *ret_suffix = ".metadata.json";
    if (!codec || !text_equal_nocase(codec, "gzip")) return FIRN_OK;
    firn_buffer_init(gzip, TABLE_METADATA_SIZE_MAX);
    FIRN_TRY(compressor_new(CODEC_GZIP, 6, &c, err));
    FIRN_TRY(compressor_compress(c, *ret_bytes, gzip, err));
    *ret_bytes = firn_buffer_slice(gzip);
    *ret_suffix = ".gz.metadata.json";
    return FIRN_OK;
}

/* Whether the base is still the newest version; also where versions before it were trimmed away. */
static firn_status
check_base(hadoop_table *t, const table_metadata *base, firn_error *err)
{
    const char *location;
    int64_t     version;

    FIRN_TRY(find_newest(t, &version, &location, err));
    if (!base)
        return location ? firn_fail(err, FIRN_E_CATALOG_EXISTS, "there is a table at '%s' already", t->location)
                        : FIRN_OK;
    if (!location)
        return firn_fail(err, FIRN_E_CATALOG_TABLE_NOT_FOUND, "the table at '%s' was dropped meanwhile", t->location);
    if (version == base->version) return FIRN_OK;
    return firn_fail(err, FIRN_E_CATALOG_CONFLICT, "the table at '%s' is at version %" PRId64 ", no longer at %" PRId64,
                     t->location, version, base->version);
}

static firn_status
publish(hadoop_table *t, const table_metadata *base, const table_change *change, const firn_buffer *json,
        table_metadata **ret_metadata, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer gzip = {0};
    FIRN_AUTO(table_metadata_unrefp) table_metadata *made = NULL;
    int64_t     version = base ? base->version + 1 : 1;
    const char *location, *suffix;
    firn_slice  bytes;
    bool        there, same;

    FIRN_TRY(encode(base, change, json, &gzip, &bytes, &suffix, err));
    FIRN_TRY(version_location(t, version, suffix, &location, err));
    // Read before it is offered: a text that we cannot read ourselves must not become the table.
    FIRN_TRY(table_metadata_read(firn_buffer_slice(json), location, &made, err));
    made->version = version;
    FIRN_TRY(check_base(t, base, err));
    FIRN_TRY(claim(t, location, version, bytes, err));
    write_hint(t, version);
    // On a local disk Spark claims a version by a look and a rename that replaces: it may have replaced ours.
    FIRN_TRY(holds(t, location, bytes, &there, &same, err));
    if (there && !same)
        return firn_fail(err, FIRN_E_CATALOG_CONFLICT, "version %" PRId64 " of '%s' was overwritten by another writer",
                         version, t->location);
    *ret_metadata = FIRN_STEAL(made);
    return FIRN_OK;
}

/* A folder that was copied still names its first place: a commit would write there. */
static firn_status
check_location(const hadoop_table *t, const table_metadata *base, firn_error *err)
{
    if (!base || location_equal(base->location, t->location)) return FIRN_OK;
    (void) firn_fail(err, FIRN_E_STORAGE_LOCATION, "the table at '%s' says that it lies at '%s'", t->location,
                     base->location);
    firn_hint(err,
              "use the warehouse path under which the table was made; a table that was moved is read, but not written");
    return err->status;
}

static firn_status
hadoop_commit(catalog *c, const table_ident *ident, const table_metadata *base, const table_change *change,
              table_metadata **ret_metadata, firn_error *err)
{
    FIRN_AUTO(hadoop_table_done) hadoop_table t = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer json = {0};
    firn_status status;

    FIRN_TRY(open_table(c, ident, &t, err));
    FIRN_TRY(check_location(&t, base, err));
    firn_buffer_init(&json, TABLE_METADATA_SIZE_MAX);
    status = snapshot_produce(change, base, t.location, t.files, &json, err);
    if (status == FIRN_OK) status = publish(&t, base, change, &json, ret_metadata, err);
    return status == FIRN_OK ? FIRN_OK : firn_while(err, "committing to '%s'", ident->name);
}

/* ---- drop and list ---- */

typedef struct folder_search {
    bool has_metadata, has_others;
} folder_search;

static firn_status
visit_folder(void *state, const storage_object *object, firn_error *err)
{
    folder_search *search = state;
    const char    *name = location_name(object->location);

    (void) err;
    if (strcmp(name, "metadata") == 0)
        search->has_metadata = true;
    else if (strcmp(name, "data") != 0)
        search->has_others = true;
    return FIRN_OK;
}

static firn_status
hadoop_drop(catalog *c, const table_ident *ident, firn_error *err)
{
    FIRN_AUTO(hadoop_table_done) hadoop_table t = {0};
    folder_search search = {0};
    const char   *data;

    FIRN_TRY(open_table(c, ident, &t, err));
    if (!location_is_below(t.location, ((hadoop_catalog *) c)->warehouse))
        return firn_fail(err, FIRN_E_STORAGE_LOCATION, "'%s' is not within the warehouse", t.location);
    FIRN_TRY(c->files->ops->list_folders(c->files, t.location, visit_folder, &search, err));
    if (!search.has_metadata)
        return firn_fail(err, FIRN_E_CATALOG_TABLE_NOT_FOUND, "there is no table at '%s'", t.location);
    // Metadata first: a reader finds the whole table or none.
    FIRN_TRY(c->files->ops->remove_tree(c->files, t.metadata_folder, err));
    if (!search.has_others) return c->files->ops->remove_tree(c->files, t.location, err);
    // Tables of a namespace with the table's name lie beside its files.
    data = file_name_data_folder(&t.arena, t.location);
    if (!data) return firn_fail_memory(err, "a table's location");
    return c->files->ops->remove_tree(c->files, data, err);
}

typedef struct table_walk {
    catalog      *c;
    table_ident   place; /* the namespace */
    catalog_visit visit;
    void         *state;
} table_walk;

/* A folder whose first version was never published (its maker died, or is at it) is no table yet. One that cannot be
 * told is listed: whoever loads it says what is wrong. */
static firn_status
is_table(table_walk *walk, const char *name, bool *ret_is, firn_error *err)
{
    FIRN_AUTO(hadoop_table_done) hadoop_table t = {0};
    table_ident ident = walk->place;
    const char *location = NULL;
    firn_error  unreadable = {0};
    int64_t     version;

    ident.name = name;
    FIRN_TRY(open_table(walk->c, &ident, &t, err));
    *ret_is = find_newest(&t, &version, &location, &unreadable) != FIRN_OK || location;
    firn_error_reset(&unreadable);
    return FIRN_OK;
}

static firn_status
visit_table(void *state, const storage_object *object, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer name = {0};
    table_walk   *walk = state;
    folder_search search = {0};
    bool          is = false;

    FIRN_TRY(walk->c->files->ops->list_folders(walk->c->files, object->location, visit_folder, &search, err));
    if (!search.has_metadata) return FIRN_OK;
    firn_buffer_init(&name, 64 << 10);
    FIRN_TRY(folder_name_decode(location_name(object->location), &name, err));
    FIRN_TRY(firn_buffer_add_byte(&name, 0, err));
    FIRN_TRY(is_table(walk, (const char *) name.data, &is, err));
    return is ? walk->visit(walk->state, (const char *) name.data, err) : FIRN_OK;
}

static firn_status
hadoop_list(catalog *c, const table_ident *namespace_only, catalog_visit visit, void *state, firn_error *err)
{
    FIRN_AUTO(firn_arena_done) firn_arena arena = {0};
    table_ident ident = {namespace_only->namespace_levels, namespace_only->level_count, NULL};
    table_walk  walk = {c, ident, visit, state};
    const char *location;

    FIRN_TRY(find_location((hadoop_catalog *) c, &ident, &arena, &location, err));
    return c->files->ops->list_folders(c->files, location, visit_table, &walk, err);
}

static void
hadoop_free(catalog *c)
{
    firn_free(((hadoop_catalog *) c)->warehouse);
    firn_free(c);
}

static const catalog_ops hadoop_ops = {
    .kind = "hadoop",
    .location = hadoop_location,
    .load = hadoop_load,
    .commit = hadoop_commit,
    .drop = hadoop_drop,
    .list = hadoop_list,
    .free = hadoop_free,
};

firn_status
hadoop_catalog_new(const char *warehouse_location, storage *files, catalog **ret_catalog, firn_error *err)
{
    FIRN_AUTO(catalog_freep) catalog *made = NULL;
    hadoop_catalog *c;
    const char     *path;
    size_t          size = strlen(warehouse_location);

    if (!location_is_remote(warehouse_location)) FIRN_TRY(location_path(warehouse_location, &path, err));
    while (size > 1 && warehouse_location[size - 1] == '/') size--;
    c = firn_calloc(1, sizeof *c);
    if (!c) return firn_fail_memory(err, "a catalog");
    made = &c->base;
    made->ops = &hadoop_ops;
    made->files = files;
    c->warehouse = firn_strndup(warehouse_location, size);
    if (!c->warehouse) return firn_fail_memory(err, "a catalog");
    *ret_catalog = FIRN_STEAL(made);
    return FIRN_OK;
}
