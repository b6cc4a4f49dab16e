#include "debezium/real_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

/* Digits and exponent as printf gives them ("-1.25e-05") → PostgreSQL's choice between the two notations. */
static size_t
arrange(const char *scientific, int fixed_exponent_max, char out[REAL_TEXT_SIZE_MAX])
{
    char        digits[24];
    size_t      digit_count = 0, size = 0;
    const char *at = scientific;
    int         exponent = 0, sign = 1;
    if (*at == '-') out[size++] = *at++;
    for (; *at && *at != 'e'; at++)
        if (*at != '.' && digit_count < sizeof digits) digits[digit_count++] = *at;
    if (*at) at++;
    if (*at == '-') sign = -1;
    if (*at == '-' || *at == '+') at++;
    for (; *at; at++) exponent = 10 * exponent + (*at - '0');
    exponent *= sign;
    if (exponent < -4 || exponent >= fixed_exponent_max) {
        out[size++] = digits[0];
        if (digit_count > 1) {
            out[size++] = '.';
            memcpy(out + size, digits + 1, digit_count - 1);
            size += digit_count - 1;
        }
        return size + (size_t) snprintf(out + size, REAL_TEXT_SIZE_MAX - size, "e%c%02d", exponent < 0 ? '-' : '+', abs(exponent));
    }
    if (exponent < 0) {
        memcpy(out + size, "0.000", 5);
        size += (size_t) (1 - exponent);
        memcpy(out + size, digits, digit_count);
        return size + digit_count;
    }
    for (size_t i = 0; i < digit_count || i <= (size_t) exponent; i++) {
        if (i == (size_t) exponent + 1) out[size++] = '.';
        out[size++] = i < digit_count ? digits[i] : '0';
    }
    return size;
}

static size_t
special(double value, char out[REAL_TEXT_SIZE_MAX])
{
    const char *text = isnan(value) ? "NaN" : value < 0 ? "-Infinity" : "Infinity";
    memcpy(out, text, strlen(text));
    return strlen(text);
}

size_t
real_text_double(double value, char out[REAL_TEXT_SIZE_MAX])
{
    char text[40];
    if (!isfinite(value)) return special(value, out);
    for (int precision = 0; precision < 17; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, value);
        if (bits_of_double(strtod(text, NULL)) == bits_of_double(value)) break;
    }
    return arrange(text, 15, out);
}

size_t
real_text_float(float value, char out[REAL_TEXT_SIZE_MAX])
{
    char text[40];
    if (!isfinite(value)) return special((double) value, out);
    for (int precision = 0; precision < 9; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, (double) value);
        if (bits_of_float(strtof(text, NULL)) == bits_of_float(value)) break;
    }
    return arrange(text, 6, out);
}
