#include "cli/dotenv.h"

#include <ctype.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"

#define FILE_BYTES_MAX ((size_t) 1 << 20)

void
dotenv_done(dotenv *env)
{
    firn_map_free(env->values);
    *env = (dotenv){0};
}

static firn_status
fail_at(firn_error *err, const char *name, unsigned line, const char *what)
{
    return firn_fail(err, FIRN_E_CONFIG_SYNTAX, "%s:%u: %s", name, line, what);
}

static bool
is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t' || byte == '\r';
}

/* Undoes the escapes of a double-quoted value in place; false: it does not end with a quote. */
static bool
unquote(char *text, char quote)
{
    char *to = text;

    for (const char *from = text + 1; *from; from++) {
        char byte = *from;
        if (byte == quote) {
            *to = '\0';
            const char *rest = from + 1;
            while (is_blank((uint8_t) *rest)) {
                rest++;
            }
            return *rest == '\0' || *rest == '#';
        }
        if (quote == '"' && byte == '\\' && from[1]) {
            from++;
            byte = *from == 'n' ? '\n' : *from == 't' ? '\t' : *from;
        }
        *to++ = byte;
    }
    return false;
}

static firn_status
parse_line(dotenv *env, firn_slice line, const char *name, unsigned number, firn_arena *arena, firn_error *err)
{
    const uint8_t *p = line.data, *end = line.data + line.size;

    while (end > p && is_blank(end[-1])) {
        end--;
    }
    while (p < end && is_blank(*p)) {
        p++;
    }
    if (p == end || *p == '#') return FIRN_OK;
    if (end - p > 7 && memcmp(p, "export", 6) == 0 && is_blank(p[6])) p += 7;
    const uint8_t *key = p;
    while (p < end && (isalnum(*p) || *p == '_')) {
        p++;
    }
    firn_slice key_slice = firn_slice_of(key, (size_t) (p - key));
    while (p < end && is_blank(*p)) {
        p++;
    }
    if (key_slice.size == 0 || isdigit(*key) || p == end || *p != '=')
        return fail_at(err, name, number, "not of the form NAME=value");
    p++;
    while (p < end && is_blank(*p)) {
        p++;
    }
    if (memchr(p, '\0', (size_t) (end - p))) return fail_at(err, name, number, "a NUL byte is not allowed");
    char *value = firn_arena_text(arena, firn_slice_of(p, (size_t) (end - p)));
    if (!value) return firn_fail_memory(err, "the variables of .env");
    if (*value == '"' || *value == '\'') {
        if (!unquote(value, *value)) return fail_at(err, name, number, "the quote is not closed, or text follows it");
    } else {
        char *comment = strstr(value, " #");
        if (comment) *comment = '\0';
        for (size_t size = strlen(value); size > 0 && is_blank((uint8_t) value[size - 1]); size--) {
            value[size - 1] = '\0';
        }
    }
    return firn_map_put(env->values, key_slice, value, err);
}

firn_status
dotenv_parse(firn_slice text, const char *name, firn_arena *arena, dotenv *ret_env, firn_error *err)
{
    unsigned number = 1;

    *ret_env = (dotenv){.values = firn_map_new()};
    if (!ret_env->values) return firn_fail_memory(err, "the variables of .env");
    for (size_t at = 0; at < text.size; number++) {
        const uint8_t *newline = memchr(text.data + at, '\n', text.size - at);
        size_t         size = newline ? (size_t) (newline - text.data) - at : text.size - at;
        FIRN_TRY(parse_line(ret_env, firn_slice_of(text.data + at, size), name, number, arena, err));
        at += size + 1;
    }
    return FIRN_OK;
}

firn_status
dotenv_read(const char *path, firn_arena *arena, dotenv *ret_env, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer text = {0};

    *ret_env = (dotenv){0};
    if (!file_exists(path)) return FIRN_OK;
    firn_buffer_init(&text, FILE_BYTES_MAX);
    FIRN_TRY(file_read(path, &text, err));
    FIRN_TRY(dotenv_parse(firn_buffer_slice(&text), path, arena, ret_env, err));
    ret_env->path = firn_arena_strdup(arena, path);
    if (!ret_env->path) return firn_fail_memory(err, "the path of .env");
    int mode = file_mode(path);
    ret_env->loose = mode >= 0 && (mode & 077) != 0;
    return FIRN_OK;
}

const char *
dotenv_get(const dotenv *env, const char *name, bool *ret_from_file)
{
    const char *own = firn_environment(name);

    if (ret_from_file) *ret_from_file = !own;
    if (own) return own;
    return env->values ? firn_map_get(env->values, firn_slice_text(name)) : NULL;
}
