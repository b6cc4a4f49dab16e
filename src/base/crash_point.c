#include "base/crash_point.h"

#include "base/attrs.h"

void
firn_crash_point(const char *name FIRN_UNUSED)
{
}
