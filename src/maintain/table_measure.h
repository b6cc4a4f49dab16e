/*
 * A table in figures, from its manifests and their list.
 */
#ifndef FIRN_MAINTAIN_TABLE_MEASURE_H
#define FIRN_MAINTAIN_TABLE_MEASURE_H

#include "maintain/maintain_settings.h"

FIRN_MUST_USE firn_status table_measure(const table_metadata *table, storage *files, table_figures *ret_figures,
                                        firn_error *err);

#endif
