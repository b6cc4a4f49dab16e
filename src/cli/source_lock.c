#include "cli/source_lock.h"

#include "source/source_names.h"

firn_status
source_lock_take(session *s, const char *command, file_lock **ret_lock, firn_error *err)
{
    char        slot[SOURCE_NAME_SIZE];
    const char *path;

    source_slot_name(settings_text(&s->values, OPTION_SOURCE), slot); /* a name that is also a file's name */
    const char *name = firn_arena_printf(&s->arena, "checkpoints/%s/lock", slot);
    if (!name) return firn_fail_memory(err, "a path");
    FIRN_TRY(session_path(s, name, &path, err));
    return file_lock_take(path, command, ret_lock, err);
}
