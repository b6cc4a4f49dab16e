#include "cli/source_lock.h"

firn_status
source_lock_take(session *s, const char *command, file_lock **ret_lock, firn_error *err)
{
    const char *folder, *path;

    FIRN_TRY(session_state_folder(s, &folder, err));
    if (!(path = firn_arena_printf(&s->arena, "%s/lock", folder))) return firn_fail_memory(err, "a path");
    return file_lock_take(path, command, ret_lock, err);
}
