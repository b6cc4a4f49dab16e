#include "follow/position_cut.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "change/change_stream.h"

#define PATH_BYTES_MAX 4096
#define LINE_BYTES_MAX 128
#define LOOK_US ((uint64_t) 100000)

static const char *const words[] = {"", "hold", "held", "cut", "done"};

static firn_status
path_of(const char *folder, char out[PATH_BYTES_MAX], firn_error *err)
{
    int size = snprintf(out, PATH_BYTES_MAX, "%s/cut", folder);

    return size > 0 && size < PATH_BYTES_MAX ? FIRN_OK : firn_fail(err, FIRN_E_STORAGE_IO, "the path of '%s' is too long", folder);
}

firn_status
position_cut_write(const char *folder, cut_step step, uint64_t position, firn_error *err)
{
    char path[PATH_BYTES_MAX], line[LINE_BYTES_MAX], text[CHANGE_POSITION_TEXT_MAX];

    FIRN_TRY(path_of(folder, path, err));
    change_position_format(position, text);
    int size = snprintf(line, sizeof line, "%s%s%s\n", words[step], position ? " " : "", position ? text : "");
    return file_write_atomic(path, firn_slice_of(line, (size_t) size), 0600, err);
}

cut_step
position_cut_read(const char *folder, uint64_t *ret_position)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer bytes = {0};
    char       path[PATH_BYTES_MAX], line[LINE_BYTES_MAX] = "";
    firn_error ignored = {0};

    *ret_position = 0;
    firn_buffer_init(&bytes, LINE_BYTES_MAX - 1);
    if (path_of(folder, path, &ignored) || file_read(path, &bytes, &ignored)) return CUT_NONE;
    if (bytes.size) memcpy(line, bytes.data, bytes.size);
    line[strcspn(line, "\n")] = '\0';
    char *position = strchr(line, ' ');
    if (position) *position++ = '\0';
    for (cut_step step = CUT_HOLD; step <= CUT_DONE; step++) {
        bool has_position = step == CUT_AT || step == CUT_DONE;

        if (strcmp(line, words[step]) != 0 || has_position != (position != NULL)) continue;
        return !position || change_position_parse(position, ret_position) ? step : CUT_NONE;
    }
    return CUT_NONE;
}

void
position_cut_remove(const char *folder)
{
    char       path[PATH_BYTES_MAX];
    firn_error ignored = {0};

    if (path_of(folder, path, &ignored) == FIRN_OK) (void) unlink(path);
}

/* ---- the job's side ---- */

static void
let_go(position_cut *cut)
{
    position_cut_remove(cut->folder);
    cut->is_held = false;
    cut->position = 0;
}

static void
hold(position_cut *cut, uint64_t now_us)
{
    firn_error ignored = {0};

    cut->position = 0;
    cut->held_us = now_us;
    cut->is_held = position_cut_write(cut->folder, CUT_HELD, 0, &ignored) == FIRN_OK;
}

void
position_cut_look(position_cut *cut, uint64_t reached, uint64_t now_us)
{
    uint64_t position;

    if (now_us - cut->looked_us < LOOK_US) return;
    cut->looked_us = now_us;
    switch (position_cut_read(cut->folder, &position)) {
    case CUT_HOLD:
        hold(cut, now_us);
        break;
    case CUT_HELD:
        /* Of a job that died, or held for too long. */
        if (!cut->is_held || now_us - cut->held_us > (uint64_t) POSITION_CUT_HOLD_MS * 1000) let_go(cut);
        break;
    case CUT_AT:
        cut->is_held = false;
        if (position < reached) let_go(cut);
        else
            cut->position = position;
        break;
    case CUT_DONE:
    case CUT_NONE:
        cut->is_held = false;
        cut->position = 0;
        break;
    }
}

void
position_cut_answer(position_cut *cut)
{
    firn_error ignored = {0};

    if (position_cut_write(cut->folder, CUT_DONE, cut->position, &ignored)) position_cut_remove(cut->folder);
    cut->position = 0;
}
