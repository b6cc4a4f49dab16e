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

/* Whether it is on the way down. */
static bool
is_new_low(slot_limit *limit, const replication_lag *slot)
{
    bool held = slot->retained_bytes < limit->least_retained_bytes;
    bool behind = slot->behind_bytes >= limit->limit_bytes && slot->behind_bytes < limit->least_behind_bytes;

    if (held) limit->least_retained_bytes = slot->retained_bytes;
    if (behind) limit->least_behind_bytes = slot->behind_bytes;
    return held || behind;
}

slot_verdict
slot_limit_judge(slot_limit *limit, const replication_lag *slot)
{
    slot_verdict verdict = {.level = level_of(limit, slot)};

    /* Back and forth between two levels is no news; worse is. */
    verdict.is_said = verdict.level > limit->level || (verdict.level == SLOT_FINE && limit->level != SLOT_FINE) ||
                      (verdict.level != SLOT_FINE && slot->retained_bytes / 2 >= limit->told_bytes);
    if (verdict.is_said) limit->told_bytes = slot->retained_bytes;
    if (verdict.is_said) limit->level = verdict.level;

    if (verdict.level != SLOT_ABOVE) {
        limit->look_count = 0;
        return verdict;
    }
    if (!limit->look_count) limit->least_retained_bytes = limit->least_behind_bytes = INT64_MAX;
    if (is_new_low(limit, slot)) limit->look_count = 0;
    verdict.acts = ++limit->look_count >= SLOT_LIMIT_LOOKS;
    return verdict;
}
