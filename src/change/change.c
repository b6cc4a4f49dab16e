#include "change/change.h"

#include "base/alloc.h"

change_relation *
change_relation_ref(change_relation *relation)
{
    __atomic_add_fetch(&relation->ref_count, 1, __ATOMIC_RELAXED);
    return relation;
}

void
change_relation_unref(change_relation *relation)
{
    if (!relation || __atomic_sub_fetch(&relation->ref_count, 1, __ATOMIC_ACQ_REL) > 0) return;
    firn_free(relation);
}

int
change_relation_column(const change_relation *relation, const char *name)
{
    for (unsigned i = 0; i < relation->column_count; i++)
        if (strcmp(relation->columns[i].name, name) == 0) return (int) i;
    return -1;
}
