#include "cli/slot_limit.h"

#include <string.h>

static bool
is_scarce(const replication_lag *slot)
{
    if (strcmp(slot->status, "unreserved") == 0) return true;
    return slot->safe_bytes >= 0 && slot->safe_bytes < (slot->retained_bytes + slot->safe_bytes) / 5;
}

static slot_level
level_of(const slot_limit *limit, const replication_lag *slot)
{
    if (!slot->slot_exists) return SLOT_FINE;
    if (limit->limit_bytes && slot->retained_bytes >= limit->limit_bytes) return SLOT_ABOVE;
    if (limit->limit_bytes && slot->retained_bytes >= limit->limit_bytes / 5 * 4) return SLOT_NEAR;
    return is_scarce(slot) ? SLOT_SCARCE : SLOT_FINE;
}

slot_verdict
slot_limit_judge(slot_limit *limit, const replication_lag *slot)
{
    slot_verdict verdict = {.level = level_of(limit, slot)};
    bool         shrinks = slot->retained_bytes < limit->last_retained_bytes || slot->behind_bytes < limit->last_behind_bytes;

    /* Back and forth between two levels is no news; worse is. */
    verdict.is_said = verdict.level > limit->level || (verdict.level == SLOT_FINE && limit->level != SLOT_FINE) ||
                      (verdict.level != SLOT_FINE && slot->retained_bytes / 2 >= limit->told_bytes);
    if (verdict.is_said) limit->told_bytes = slot->retained_bytes;
    if (verdict.is_said) limit->level = verdict.level;

    if (verdict.level != SLOT_ABOVE || (limit->look_count && shrinks)) limit->look_count = 0;
    if (verdict.level == SLOT_ABOVE) limit->look_count++;
    verdict.acts = limit->look_count >= SLOT_LIMIT_LOOKS;
    limit->last_retained_bytes = slot->retained_bytes;
    limit->last_behind_bytes = slot->behind_bytes;
    return verdict;
}
