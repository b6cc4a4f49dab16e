/* base/calendar.h: a text that is read is written back as one that means the same. */
#include "base/calendar.h"

#include <stdlib.h>

#include "base/bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_back(int64_t us)
{
    char    text[CALENDAR_TEXT_MAX];
    int64_t back;
    size_t  size = calendar_format_timestamp(us, us & 1, text);

    if (size >= sizeof text || !calendar_parse_timestamp(firn_slice_of(text, size), &back) || back != us) {
        abort();
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t us;

    if (calendar_parse_timestamp(firn_slice_of(data, size), &us)) {
        check_back(us);
    }
    if (size >= 8) {
        char    text[CALENDAR_TEXT_MAX];
        int64_t number = (int64_t) load_le64(data);
        check_back(number);
        if (calendar_format_date(number, text) >= sizeof text) {
            abort();
        }
        if (calendar_days_of_date(calendar_date_of_days(number / 4)) != number / 4) {
            abort();
        }
    }
    return 0;
}
