/* iceberg/table_metadata_read.h: table metadata of any writer. What was read must be written so that it is read again. */
#include "iceberg/table_metadata_read.h"
#include "iceberg/table_metadata_write.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_round_trip(const table_metadata *m)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer first = {0};
    FIRN_AUTO(firn_buffer_done) firn_buffer second = {0};
    FIRN_AUTO(table_metadata_unrefp) table_metadata *again = NULL;
    firn_error err = {0};

    firn_buffer_init(&first, TABLE_METADATA_SIZE_MAX);
    firn_buffer_init(&second, TABLE_METADATA_SIZE_MAX);
    if (table_metadata_write(m, &first, &err) != FIRN_OK ||
        table_metadata_read(firn_buffer_slice(&first), "again", &again, &err) != FIRN_OK ||
        table_metadata_write(again, &second, &err) != FIRN_OK ||
        !firn_slice_equal(firn_buffer_slice(&first), firn_buffer_slice(&second)))
        abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    FIRN_AUTO(table_metadata_unrefp) table_metadata *m = NULL;
    firn_error err = {0};

    if (table_metadata_read(firn_slice_of(data, size), "fuzz", &m, &err) == FIRN_OK && m->format_version >= 2)
        check_round_trip(m);
    return 0;
}
