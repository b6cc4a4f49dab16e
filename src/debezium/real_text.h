/*
 * Floating-point numbers as PostgreSQL writes them: the fewest digits that read back as the same number.
 */
#ifndef FIRN_DEBEZIUM_REAL_TEXT_H
#define FIRN_DEBEZIUM_REAL_TEXT_H

#include <stddef.h>

#define REAL_TEXT_SIZE_MAX 32

/* Not NUL-terminated; returns the length. "1.5", "1e+15", "1e-05", "NaN", "-Infinity". */
size_t real_text_double(double value, char out[REAL_TEXT_SIZE_MAX]);
size_t real_text_float(float value, char out[REAL_TEXT_SIZE_MAX]);

#endif
