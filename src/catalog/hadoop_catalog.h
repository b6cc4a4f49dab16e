/*
 * The Hadoop catalog: a table is a folder, its versions are metadata/vN.metadata.json.
 *
 * Layout:  <warehouse>/<level>/<level>/<TABLE>/{data,metadata}; version-hint.text holds the newest N, or an
 *          older one, or rubbish, or is missing: the next versions are looked for in each case
 * Commit:  v(N+1).metadata.json is claimed without overwriting (storage put_new), as Spark's HadoopTables do
 * Names:   a level or table name is the folder's name, except for what a file system or a reader
 *          cannot take: see hadoop_folder_name in hadoop_catalog.c
 * Threads: safe; no state but the warehouse's location
 */
#ifndef FIRN_CATALOG_HADOOP_CATALOG_H
#define FIRN_CATALOG_HADOOP_CATALOG_H

#include "catalog/catalog.h"

/* `files` is borrowed for the catalog's life. `warehouse_location`: file:///absolute/path or an absolute path. */
FIRN_MUST_USE firn_status hadoop_catalog_new(const char *warehouse_location, storage *files, catalog **ret_catalog,
                                             firn_error *err);

#endif
