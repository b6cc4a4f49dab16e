#include "cli/config_expand.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/file.h"
#include "base/text.h"

#define VALUE_BYTES_MAX ((size_t) 64 << 10)

static const char *
next_reference(const char *text)
{
    for (const char *p = strstr(text, "${"); p; p = strstr(p + 2, "${")) {
        if (p == text || p[-1] != '$') return p;
    }
    return NULL;
}

bool
config_has_reference(const char *text)
{
    return next_reference(text) != NULL;
}

bool
config_is_reference(const char *text)
{
    size_t size = strlen(text);

    return next_reference(text) == text && strchr(text, '}') == text + size - 1;
}

static firn_status
add_command_output(const char *command, const char *where, firn_buffer *out, firn_error *err)
{
    char  bytes[4096];
    FILE *pipe = popen(command, "re");

    if (!pipe)
        return firn_fail_errno(err, FIRN_E_CONFIG_VARIABLE, errno, "%s: cannot run the command of ${command:…}", where);
    firn_status status = FIRN_OK;
    for (size_t size; status == FIRN_OK && (size = fread(bytes, 1, sizeof bytes, pipe)) > 0;) {
        status = firn_buffer_add(out, bytes, size, err);
    }
    explicit_bzero(bytes, sizeof bytes);
    int ended = pclose(pipe);
    if (status != FIRN_OK) return status;
    if (ended == -1 || !WIFEXITED(ended) || WEXITSTATUS(ended) != 0)
        return firn_fail(err, FIRN_E_CONFIG_VARIABLE, "%s: the command '%s' failed%s%d", where, command,
                         WIFEXITED(ended) ? " with exit code " : " by signal ",
                         WIFEXITED(ended) ? WEXITSTATUS(ended) : WTERMSIG(ended));
    return FIRN_OK;
}

static void
drop_newline(firn_buffer *out, size_t start)
{
    if (out->size > start && out->data[out->size - 1] == '\n') out->size--;
    if (out->size > start && out->data[out->size - 1] == '\r') out->size--;
}

/* Adds what the reference's inside stands for. */
static firn_status
add_reference(const char *inside, const char *where, const dotenv *env, firn_buffer *out, firn_error *err)
{
    size_t start = out->size;

    if (text_starts_with(inside, "command:")) {
        FIRN_TRY(add_command_output(inside + 8, where, out, err));
        drop_newline(out, start);
    } else if (text_starts_with(inside, "file:")) {
        firn_error  local = {0};
        firn_status status = file_read(inside + 5, out, &local);
        if (status != FIRN_OK) {
            (void) firn_fail(err, FIRN_E_CONFIG_VARIABLE, "%s: ${%s} has no value: %s", where, inside, local.cause);
            firn_hint(err, "the file must exist and be readable by the user that runs firn");
            return err->status;
        }
        drop_newline(out, start);
    } else {
        const char *value = dotenv_get(env, inside, NULL);
        if (!value) {
            (void) firn_fail(err, FIRN_E_CONFIG_VARIABLE, "%s: ${%s} has no value: the environment variable is not set",
                             where, inside);
            firn_hint(err, "export %s, or put it into .env of the project", inside);
            return err->status;
        }
        FIRN_TRY(firn_buffer_add_text(out, value, err));
    }
    if (memchr(out->data + start, '\0', out->size - start))
        return firn_fail(err, FIRN_E_CONFIG_VARIABLE, "%s: the value of ${%s} holds a NUL byte", where, inside);
    return FIRN_OK;
}

static bool
is_name(const char *text)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz_0123456789";
    size_t            size = strspn(text, letters);

    return size > 0 && text[size] == '\0' && !(*text >= '0' && *text <= '9');
}

static void
wipe(firn_buffer *buffer)
{
    if (buffer->data) explicit_bzero(buffer->data, buffer->capacity);
    firn_buffer_done(buffer);
}

firn_status
config_expand(const char *text, const char *where, const dotenv *env, firn_arena *arena, const char **ret_text,
              firn_error *err)
{
    FIRN_AUTO(wipe) firn_buffer out = {0};
    const char                 *p = text, *found;

    firn_buffer_init(&out, VALUE_BYTES_MAX);
    FIRN_TRY(firn_buffer_reserve(&out, 1, err));
    for (; (found = strstr(p, "${")); p = found) {
        if (found > p && found[-1] == '$') { /* $${ */
            FIRN_TRY(firn_buffer_add(&out, p, (size_t) (found - p), err));
            out.data[out.size - 1] = '$';
            FIRN_TRY(firn_buffer_add_byte(&out, '{', err));
            found += 2;
            continue;
        }
        const char *end = strchr(found, '}');
        FIRN_TRY(firn_buffer_add(&out, p, (size_t) (found - p), err));
        if (!end) return firn_fail(err, FIRN_E_CONFIG_VARIABLE, "%s: the reference '${' has no closing '}'", where);
        char *inside = firn_arena_text(arena, firn_slice_of(found + 2, (size_t) (end - found) - 2));
        if (!inside) return firn_fail_memory(err, "a configuration value");
        if (!is_name(inside) && !text_starts_with(inside, "file:") && !text_starts_with(inside, "command:"))
            return firn_fail(err, FIRN_E_CONFIG_VARIABLE,
                             "%s: '${%s}' is not a reference; write ${NAME}, ${file:/path} or ${command:…}", where,
                             inside);
        FIRN_TRY(add_reference(inside, where, env, &out, err));
        found = end + 1;
    }
    FIRN_TRY(firn_buffer_add_text(&out, p, err));
    *ret_text = firn_arena_text(arena, firn_buffer_slice(&out));
    return *ret_text ? FIRN_OK : firn_fail_memory(err, "a configuration value");
}
