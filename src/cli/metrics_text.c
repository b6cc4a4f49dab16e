#include "cli/metrics_text.h"

#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/text.h"
#include "cli/version.h"

static const char *const kind_names[] = {
    [METRIC_COUNTER] = "counter", [METRIC_GAUGE] = "gauge", [METRIC_HISTOGRAM] = "histogram"};

void
metrics_begin(metrics_text *m, firn_buffer *out, firn_error *err)
{
    *m = (metrics_text){.out = out, .err = err};
}

firn_status
metrics_end(metrics_text *m)
{
    return m->status;
}

static void
add_text(metrics_text *m, const char *text)
{
    if (m->status == FIRN_OK) m->status = firn_buffer_add_text(m->out, text, m->err);
}

static void
add_byte(metrics_text *m, char byte)
{
    if (m->status == FIRN_OK) m->status = firn_buffer_add_byte(m->out, (uint8_t) byte, m->err);
}

/* Backslash and line feed escaped, in a label's value the quote, too; what is no UTF-8 becomes '?'. */
static void
add_escaped(metrics_text *m, const char *text, bool quote)
{
    bool utf8 = text_is_utf8((const uint8_t *) text, strlen(text));

    for (const char *p = text; *p; p++) {
        if (*p == '\\') add_text(m, "\\\\");
        else if (*p == '\n')
            add_text(m, "\\n");
        else if (*p == '"' && quote)
            add_text(m, "\\\"");
        else
            add_byte(m, !utf8 && ((unsigned char) *p & 0x80) ? '?' : *p);
    }
}

static bool
is_name(const char *name)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz_:0123456789";

    return *name && !(*name >= '0' && *name <= '9') && strspn(name, letters) == strlen(name);
}

void
metrics_family(metrics_text *m, const char *name, metric_kind kind, const char *help)
{
    assert(is_name(name));
    assert((kind == METRIC_COUNTER) == text_ends_with(name, "_total"));
    m->family = name;
    m->kind = kind;
    add_text(m, "# HELP ");
    add_text(m, name);
    add_byte(m, ' ');
    add_escaped(m, help, false);
    add_text(m, "\n# TYPE ");
    add_text(m, name);
    add_byte(m, ' ');
    add_text(m, kind_names[kind]);
    add_byte(m, '\n');
}

/* name_suffix{label="value",…,le="bound"} */
static void
add_head(metrics_text *m, const char *suffix, const metric_label labels[], unsigned label_count, const char *bound)
{
    assert(m->family);
    add_text(m, m->family);
    add_text(m, suffix);
    if (label_count || bound) add_byte(m, '{');
    for (unsigned i = 0; i < label_count; i++) {
        assert(is_name(labels[i].name));
        if (i) add_byte(m, ',');
        add_text(m, labels[i].name);
        add_text(m, "=\"");
        add_escaped(m, labels[i].value ? labels[i].value : "", true);
        add_byte(m, '"');
    }
    if (bound) {
        if (label_count) add_byte(m, ',');
        add_text(m, "le=\"");
        add_text(m, bound);
        add_byte(m, '"');
    }
    if (label_count || bound) add_byte(m, '}');
    add_byte(m, ' ');
}

static void
add_line_u64(metrics_text *m, uint64_t value)
{
    char text[32];

    snprintf(text, sizeof text, "%" PRIu64 "\n", value);
    add_text(m, text);
}

static void
format_double(double value, char out[40])
{
    if (isnan(value)) snprintf(out, 40, "NaN");
    else if (isinf(value))
        snprintf(out, 40, value > 0 ? "+Inf" : "-Inf");
    else
        snprintf(out, 40, "%.15g", value);
}

void
metrics_i64(metrics_text *m, const metric_label labels[], unsigned label_count, int64_t value)
{
    char text[32];

    assert(m->kind != METRIC_HISTOGRAM && (m->kind != METRIC_COUNTER || value >= 0));
    add_head(m, "", labels, label_count, NULL);
    snprintf(text, sizeof text, "%" PRId64 "\n", value);
    add_text(m, text);
}

void
metrics_u64(metrics_text *m, const metric_label labels[], unsigned label_count, uint64_t value)
{
    assert(m->kind != METRIC_HISTOGRAM);
    add_head(m, "", labels, label_count, NULL);
    add_line_u64(m, value);
}

void
metrics_double(metrics_text *m, const metric_label labels[], unsigned label_count, double value)
{
    char text[40];

    assert(m->kind != METRIC_HISTOGRAM);
    add_head(m, "", labels, label_count, NULL);
    format_double(value, text);
    add_text(m, text);
    add_byte(m, '\n');
}

void
metrics_seconds(metrics_text *m, const metric_label labels[], unsigned label_count, int64_t us)
{
    char     text[40];
    uint64_t size = us < 0 ? -(uint64_t) us : (uint64_t) us;

    assert(m->kind != METRIC_HISTOGRAM);
    add_head(m, "", labels, label_count, NULL);
    snprintf(text, sizeof text, "%s%" PRIu64 ".%06" PRIu64 "\n", us < 0 ? "-" : "", size / 1000000, size % 1000000);
    add_text(m, text);
}

void
metrics_histogram(metrics_text *m, const metric_label labels[], unsigned label_count, const firn_histogram *h)
{
    uint64_t sum_us = atomic_load_explicit(&h->sum_us, memory_order_relaxed), count = 0;
    char     text[40];

    assert(m->kind == METRIC_HISTOGRAM);
    for (unsigned i = 0; i < h->bound_count; i++) {
        count += atomic_load_explicit(&h->counts[i], memory_order_relaxed);
        format_double(h->bounds_s[i], text);
        add_head(m, "_bucket", labels, label_count, text);
        add_line_u64(m, count);
    }
    count += atomic_load_explicit(&h->counts[h->bound_count], memory_order_relaxed);
    add_head(m, "_bucket", labels, label_count, "+Inf");
    add_line_u64(m, count);
    add_head(m, "_sum", labels, label_count, NULL);
    snprintf(text, sizeof text, "%" PRIu64 ".%06" PRIu64 "\n", sum_us / 1000000, sum_us % 1000000);
    add_text(m, text);
    add_head(m, "_count", labels, label_count, NULL);
    add_line_u64(m, count);
}

/* ---- the process ---- */

static uint64_t
open_descriptors(void)
{
    DIR     *folder = opendir("/proc/self/fd");
    uint64_t count = 0;

    if (!folder) return 0;
    for (const struct dirent *entry; (entry = readdir(folder));) count += entry->d_name[0] != '.';
    closedir(folder);
    return count ? count - 1 : 0; /* less the one of this folder */
}

/* Total and resident, in bytes; zero where /proc does not say. */
static void
memory_sizes(uint64_t *ret_virtual, uint64_t *ret_resident)
{
    FILE    *file = fopen("/proc/self/statm", "re");
    uint64_t page = (uint64_t) sysconf(_SC_PAGESIZE), pages[2] = {0};

    if (file && fscanf(file, "%" SCNu64 " %" SCNu64, &pages[0], &pages[1]) != 2) pages[0] = pages[1] = 0;
    if (file) fclose(file);
    *ret_virtual = pages[0] * page;
    *ret_resident = pages[1] * page;
}

void
metrics_process(metrics_text *m, int64_t started_us)
{
    const metric_label version = {"version", FIRN_VERSION};
    struct rlimit      files = {0};
    uint64_t           virtual_bytes = 0, resident_bytes = 0;

    memory_sizes(&virtual_bytes, &resident_bytes);
    (void) getrlimit(RLIMIT_NOFILE, &files);
    metrics_family(m, "firn_build_info", METRIC_GAUGE, "The version that runs.");
    metrics_u64(m, &version, 1, 1);
    metrics_family(m, "process_cpu_seconds_total", METRIC_COUNTER, "CPU time, user and system.");
    metrics_seconds(m, NULL, 0, firn_clock_cpu_us());
    metrics_family(m, "process_start_time_seconds", METRIC_GAUGE, "When the process began, since 1970 UTC.");
    metrics_seconds(m, NULL, 0, started_us);
    metrics_family(m, "process_virtual_memory_bytes", METRIC_GAUGE, "Address space.");
    metrics_u64(m, NULL, 0, virtual_bytes);
    metrics_family(m, "process_resident_memory_bytes", METRIC_GAUGE, "Memory in RAM.");
    metrics_u64(m, NULL, 0, resident_bytes);
    metrics_family(m, "process_open_fds", METRIC_GAUGE, "Open descriptors.");
    metrics_u64(m, NULL, 0, open_descriptors());
    metrics_family(m, "process_max_fds", METRIC_GAUGE, "How many there may be.");
    metrics_u64(m, NULL, 0, (uint64_t) files.rlim_cur);
}
