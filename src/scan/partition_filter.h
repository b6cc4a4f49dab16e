/*
 * Whether a partition, or the partitions that a manifest's summary speaks of, can hold rows that a predicate wants:
 * the inclusive projection of the predicate through the transforms of the spec that the files were written with.
 *
 * Spec:    "Scan Planning", "Partition Transforms"
 * Choice:  identity, bucket (= and IN), truncate and the time transforms prune; void and unknown ones do not. Time
 *          values before 1970 may be one too high: old writers rounded them toward zero.
 */
#ifndef FIRN_SCAN_PARTITION_FILTER_H
#define FIRN_SCAN_PARTITION_FILTER_H

#include "iceberg/manifest_file.h"
#include "iceberg/partition.h"
#include "scan/scan_predicate.h"

/* values[i].data == NULL: null; in the spec's order. */
bool partition_may_match(const scan_predicate *where, const partition_spec *spec, const firn_slice values[]);
/* NULL summaries: nothing is known. */
bool partition_summaries_may_match(const scan_predicate *where, const partition_spec *spec,
                                   const partition_summary summaries[]);

/* A bound or partition value as it is stored, which may be from before a promotion of the column's type; false: of no
 * use as a bound of `type`. */
bool stored_value_decode(const data_type *type, firn_slice bytes, single_value *ret_value);

#endif
