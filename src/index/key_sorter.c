#include "index/key_sorter.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"

#define PARTS 16             /* of the memory: two to sort in, the others for runs */
#define RUNS_SPILLED 7       /* at a time, when there is no part left: they become one in the file */
#define PART_ENTRIES_MIN 512
#define DIGIT_BITS_MAX 11    /* of the digit by which runs are ordered */
#define DIGIT_ENTRIES 16     /* of a part, at least, for each digit */
#define GROUP_ENTRIES 8192   /* sorted at a time, so that they lie in the cache */
#define PIECE_ENTRIES 1024   /* of a run in the file, read at a time: more of a group where there are many */
#define PLACE_BITS_MAX 16    /* by which a group is distributed before its few neighbours are sorted */
#define INSERTION_MAX 16
#define STAGE_ENTRIES 13107  /* written at a time: 256 KiB */

typedef struct entry {
    uint8_t bytes[KEY_ENTRY_BYTES];
} entry;

/* Entries ordered by digit, those of one in the order they came. */
typedef struct ordered_run {
    uint32_t *starts;  /* of each digit's entries, and their end */
    entry    *entries; /* NULL: in the file */
    uint64_t  file_offset;
} ordered_run;

/* Sorted entries of a run that are still to come. */
typedef struct run_piece {
    uint64_t file_offset, left; /* in the file */
    entry   *buffer;
    size_t   at, count;
    unsigned number; /* later ones have later changes */
} run_piece;

struct key_sorter {
    char        *spill_path;
    int          fd; /* -1: nothing spilled */
    bool         copies;
    entry       *entries, *scratch; /* a part each */
    size_t       count, part_bytes, part_capacity;
    unsigned     digit_bits;
    uint64_t     added_count, spilled_bytes;
    ordered_run *runs; /* as they came: first those in the file, then up to PARTS - 2 in memory */
    size_t       run_count, run_capacity, file_run_count;
    size_t       digit;  /* the first that was not given out */
    run_piece   *pieces; /* of a digit that does not fit into a part: a heap, the least key on top */
    size_t       piece_count, piece_capacity;
    key_hash     last; /* given out; of copies only */
    uint32_t     copy;
    bool         has_last;
    uint32_t     place_starts[((size_t) 1 << PLACE_BITS_MAX) + 2];
};

static size_t
digit_count(const key_sorter *s)
{
    return (size_t) 1 << s->digit_bits;
}

/* All of it, though entries may not fill it up: what is that large is in huge pages. */
static entry *
alloc_part(const key_sorter *s)
{
    return firn_alloc_table(1, s->part_bytes);
}

firn_status
key_sorter_new(const char *spill_path, size_t memory_bytes_max, bool copies, key_sorter **ret_sorter, firn_error *err)
{
    FIRN_AUTO(key_sorter_freep) key_sorter *s = firn_calloc(1, sizeof *s);
    size_t bytes = memory_bytes_max / PARTS;

    if (!s) return firn_fail_memory(err, "sorting keys");
    s->fd = -1;
    s->copies = copies;
    s->spill_path = firn_strdup(spill_path);
    if (bytes > UINT32_MAX) bytes = UINT32_MAX; // so that a run in the file, too, is counted in 32 bits
    if (bytes < PART_ENTRIES_MIN * sizeof(entry)) bytes = PART_ENTRIES_MIN * sizeof(entry);
    s->part_bytes = bytes;
    s->part_capacity = bytes / sizeof(entry);
    while (s->digit_bits < DIGIT_BITS_MAX && ((size_t) DIGIT_ENTRIES << (s->digit_bits + 1)) <= s->part_capacity)
        s->digit_bits++;
    s->entries = alloc_part(s);
    if (!s->spill_path || !s->entries) return firn_fail_memory(err, "sorting keys");
    *ret_sorter = FIRN_STEAL(s);
    return FIRN_OK;
}

static void
run_done(ordered_run *run)
{
    firn_free(run->starts);
    firn_free(run->entries);
    *run = (ordered_run){0};
}

void
key_sorter_free(key_sorter *s)
{
    if (!s) return;
    if (s->fd >= 0) (void) close(s->fd);
    for (size_t i = 0; i < s->run_count; i++) run_done(&s->runs[i]);
    firn_free(s->runs);
    firn_free(s->pieces);
    firn_free(s->entries);
    firn_free(s->scratch);
    firn_free(s->spill_path);
    firn_free(s);
}

uint64_t
key_sorter_added(const key_sorter *s)
{
    return s->added_count;
}

/* ---- sorting ---- */

static key_hash
key_of(const entry *e)
{
    return key_entry_key(e->bytes);
}

static void
sort_by_insertion(entry entries[], size_t count)
{
    for (size_t i = 1; i < count; i++) {
        entry    moved = entries[i];
        key_hash key = key_of(&moved);
        size_t   at = i;

        for (; at > 0 && key_hash_less(key, key_of(&entries[at - 1])); at--) entries[at] = entries[at - 1];
        entries[at] = moved;
    }
}

/* Stable; what is in order already takes no moves. */
static void
sort_by_merging(entry entries[], entry scratch[], size_t count)
{
    size_t half = count / 2, left = 0, right = half, at = 0;

    if (count <= INSERTION_MAX) {
        sort_by_insertion(entries, count);
        return;
    }
    sort_by_merging(entries, scratch, half);
    sort_by_merging(entries + half, scratch, count - half);
    if (!key_hash_less(key_of(&entries[half]), key_of(&entries[half - 1]))) return;
    memcpy(scratch, entries, half * sizeof *entries);
    while (left < half) {
        bool takes_right = right < count && key_hash_less(key_of(&entries[right]), key_of(&scratch[left]));

        entries[at++] = takes_right ? entries[right++] : scratch[left++];
    }
}

/* Stable, `from` into `into`, by `bits` bits of what the keys are above `base`; ret_starts: where those of each value begin
 * in `into`, and the end. */
static void
distribute(const entry from[], entry into[], size_t count, uint64_t base, unsigned shift, unsigned bits, uint32_t ret_starts[])
{
    size_t    values = (size_t) 1 << bits;
    uint32_t *ends = ret_starts + 1; // begin as the starts

    memset(ret_starts, 0, (values + 2) * sizeof *ret_starts);
    for (size_t i = 0; i < count; i++) ends[1 + ((key_of(&from[i]).high - base) >> shift)]++;
    for (size_t v = 1; v < values; v++) ends[v] += ends[v - 1];
    for (size_t i = 0; i < count; i++) into[ends[(key_of(&from[i]).high - base) >> shift]++] = from[i];
}

/* The entries of the digits `begin` to `end` - 1; `from` is scratch then. */
static void
sort_digits(key_sorter *s, size_t begin, size_t end, entry from[], entry into[], size_t count)
{
    unsigned  digit_shift = 64 - s->digit_bits, range_bits = digit_shift, bits = 1;
    uint32_t *starts = s->place_starts;

    while ((end - begin) > (size_t) 1 << (range_bits - digit_shift)) range_bits++;
    while (bits < PLACE_BITS_MAX && ((size_t) 2 << bits) < count) bits++;
    distribute(from, into, count, (uint64_t) begin << digit_shift, range_bits - bits, bits, starts);
    for (size_t v = 0; v < (size_t) 1 << bits; v++) {
        size_t at = starts[v], neighbours = starts[v + 1] - at;

        if (neighbours > 1) sort_by_merging(into + at, from + at, neighbours);
    }
}

/* ---- runs ---- */

static size_t
count_in_run(const ordered_run *run, size_t begin, size_t end)
{
    return run->starts[end] - run->starts[begin];
}

static firn_status
need_scratch(key_sorter *s, firn_error *err)
{
    if (!s->scratch) s->scratch = alloc_part(s);
    return s->scratch ? FIRN_OK : firn_fail_memory(err, "sorting keys");
}

static firn_status
write_entries(key_sorter *s, const entry entries[], size_t count, firn_error *err)
{
    FIRN_TRY(file_write_all(s->fd, entries, count * sizeof *entries, s->spill_path, err));
    s->spilled_bytes += count * sizeof *entries;
    return FIRN_OK;
}

/* What the runs have of each digit, one after the other, by way of scratch. */
static firn_status
write_together(key_sorter *s, const ordered_run runs[], size_t run_count, uint32_t ret_starts[], firn_error *err)
{
    size_t stage = s->part_capacity < STAGE_ENTRIES ? s->part_capacity : STAGE_ENTRIES, filled = 0;

    ret_starts[0] = 0;
    for (size_t d = 0; d < digit_count(s); d++) {
        ret_starts[d + 1] = ret_starts[d];
        for (size_t i = 0; i < run_count; i++) {
            const entry *from = runs[i].entries + runs[i].starts[d];
            size_t       left = count_in_run(&runs[i], d, d + 1);

            ret_starts[d + 1] += (uint32_t) left;
            while (left > 0) {
                size_t room = stage - filled, part = left < room ? left : room;

                memcpy(s->scratch + filled, from, part * sizeof *from);
                filled += part;
                from += part;
                left -= part;
                if (filled < stage) continue;
                FIRN_TRY(write_entries(s, s->scratch, filled, err));
                filled = 0;
            }
        }
    }
    return write_entries(s, s->scratch, filled, err);
}

/* The first runs in memory become one in the file. */
static firn_status
spill(key_sorter *s, firn_error *err)
{
    ordered_run *first = s->runs + s->file_run_count;
    FIRN_AUTO(firn_freep) uint32_t *starts = firn_alloc((digit_count(s) + 1) * sizeof *starts);
    uint64_t file_offset = s->spilled_bytes;

    if (!starts) return firn_fail_memory(err, "sorting keys");
    FIRN_TRY(need_scratch(s, err));
    if (s->fd < 0) {
        s->fd = open(s->spill_path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (s->fd < 0) return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot make '%s'", s->spill_path);
        (void) unlink(s->spill_path); // it lives as long as we have it open
    }
    FIRN_TRY(write_together(s, first, RUNS_SPILLED, starts, err));
    for (size_t i = 0; i < RUNS_SPILLED; i++) run_done(&first[i]);
    *first = (ordered_run){.starts = FIRN_STEAL(starts), .file_offset = file_offset};
    s->run_count -= RUNS_SPILLED - 1;
    s->file_run_count++;
    memmove(first + 1, first + RUNS_SPILLED, (s->run_count - s->file_run_count) * sizeof *first);
    return FIRN_OK;
}

static firn_status
reserve_run(key_sorter *s, firn_error *err)
{
    size_t       capacity = s->run_capacity ? s->run_capacity * 2 : 16;
    ordered_run *runs;

    if (s->run_count < s->run_capacity) return FIRN_OK;
    runs = firn_realloc(s->runs, capacity * sizeof *runs);
    if (!runs) return firn_fail_memory(err, "sorting keys");
    s->runs = runs;
    s->run_capacity = capacity;
    return FIRN_OK;
}

/* What was added is a run now. */
static firn_status
end_run(key_sorter *s, firn_error *err)
{
    ordered_run *run;

    if (s->run_count - s->file_run_count == PARTS - 2) FIRN_TRY(spill(s, err));
    FIRN_TRY(reserve_run(s, err));
    run = &s->runs[s->run_count++];
    *run = (ordered_run){.starts = firn_alloc((digit_count(s) + 2) * sizeof *run->starts),
                         .entries = alloc_part(s)};
    if (!run->starts || !run->entries) return firn_fail_memory(err, "sorting keys");
    distribute(s->entries, run->entries, s->count, 0, 64 - s->digit_bits, s->digit_bits, run->starts);
    s->count = 0;
    return FIRN_OK;
}

firn_status
key_sorter_add(key_sorter *s, const key_change changes[], size_t count, firn_error *err)
{
    s->added_count += count;
    while (count > 0) {
        size_t room, part;
        entry *into;

        if (s->count == s->part_capacity) FIRN_TRY(end_run(s, err));
        room = s->part_capacity - s->count;
        part = count < room ? count : room;
        into = s->entries + s->count;
        for (size_t i = 0; i < part; i++) key_entry_store(into[i].bytes, changes[i]);
        s->count += part;
        changes += part;
        count -= part;
    }
    return FIRN_OK;
}

firn_status
key_sorter_finish(key_sorter *s, firn_error *err)
{
    if (s->count > 0) FIRN_TRY(end_run(s, err));
    return need_scratch(s, err);
}

static firn_status
read_entries(const key_sorter *s, uint64_t file_offset, entry into[], size_t count, firn_error *err)
{
    size_t   size = count * sizeof *into;
    uint8_t *bytes = into->bytes;

    for (size_t done = 0; done < size;) {
        ssize_t got = pread(s->fd, bytes + done, size - done, (off_t) (file_offset + done));

        if (got < 0 && errno == EINTR) continue;
        if (got <= 0)
            return firn_fail_errno(err, FIRN_E_STORAGE_IO, got < 0 ? errno : EIO, "cannot read '%s'", s->spill_path);
        done += (size_t) got;
    }
    return FIRN_OK;
}

/* What the run has of the digits. */
static firn_status
read_run(const key_sorter *s, const ordered_run *run, size_t begin, size_t end, entry into[], firn_error *err)
{
    size_t count = count_in_run(run, begin, end);

    if (!run->entries) return read_entries(s, run->file_offset + run->starts[begin] * sizeof *into, into, count, err);
    memcpy(into, run->entries + run->starts[begin], count * sizeof *into);
    return FIRN_OK;
}

static uint64_t
count_digit(const key_sorter *s, size_t digit)
{
    uint64_t count = 0;

    for (size_t i = 0; i < s->run_count; i++) count += count_in_run(&s->runs[i], digit, digit + 1);
    return count;
}

/* ---- a digit that does not fit into a part ---- */

static firn_status
fill_piece(const key_sorter *s, run_piece *piece, firn_error *err)
{
    piece->at = 0;
    piece->count = piece->left < s->piece_capacity ? (size_t) piece->left : s->piece_capacity;
    FIRN_TRY(read_entries(s, piece->file_offset, piece->buffer, piece->count, err));
    piece->file_offset += piece->count * sizeof *piece->buffer;
    piece->left -= piece->count;
    return FIRN_OK;
}

static bool
piece_before(const run_piece *a, const run_piece *b)
{
    key_hash x = key_of(&a->buffer[a->at]), y = key_of(&b->buffer[b->at]);

    return key_hash_equal(x, y) ? a->number < b->number : key_hash_less(x, y);
}

static void
sink_piece(key_sorter *s, size_t at)
{
    for (;;) {
        size_t    least = at, left = 2 * at + 1;
        run_piece swap;

        if (left < s->piece_count && piece_before(&s->pieces[left], &s->pieces[least])) least = left;
        if (left + 1 < s->piece_count && piece_before(&s->pieces[left + 1], &s->pieces[least])) least = left + 1;
        if (least == at) return;
        swap = s->pieces[at];
        s->pieces[at] = s->pieces[least];
        s->pieces[least] = swap;
        at = least;
    }
}

static void
add_piece_in_memory(key_sorter *s, const ordered_run *run, size_t digit)
{
    size_t count = count_in_run(run, digit, digit + 1);
    entry *entries = run->entries + run->starts[digit];

    memcpy(s->entries, entries, count * sizeof *entries);
    sort_digits(s, digit, digit + 1, s->entries, entries, count);
    s->pieces[s->piece_count] = (run_piece){.buffer = entries, .count = count, .number = (unsigned) s->piece_count};
    s->piece_count++;
}

/* Sorted where they lie in the file. */
static firn_status
add_pieces_of_file(key_sorter *s, const ordered_run *run, size_t digit, firn_error *err)
{
    uint64_t file_offset = run->file_offset + run->starts[digit] * sizeof(entry);

    for (size_t left = count_in_run(run, digit, digit + 1), count; left > 0; left -= count) {
        count = left < s->part_capacity ? left : s->part_capacity;
        FIRN_TRY(read_entries(s, file_offset, s->entries, count, err));
        sort_digits(s, digit, digit + 1, s->entries, s->scratch, count);
        if (lseek(s->fd, (off_t) file_offset, SEEK_SET) < 0)
            return firn_fail_errno(err, FIRN_E_STORAGE_IO, errno, "cannot write '%s'", s->spill_path);
        FIRN_TRY(file_write_all(s->fd, s->scratch, count * sizeof *s->scratch, s->spill_path, err));
        s->pieces[s->piece_count] =
            (run_piece){.file_offset = file_offset, .left = count, .number = (unsigned) s->piece_count};
        s->piece_count++;
        file_offset += count * sizeof(entry);
    }
    return FIRN_OK;
}

static firn_status
begin_pieces(key_sorter *s, size_t digit, firn_error *err)
{
    size_t in_file;

    firn_free(s->pieces);
    s->pieces = firn_alloc((s->run_count + (size_t) (count_digit(s, digit) / s->part_capacity)) * sizeof *s->pieces);
    if (!s->pieces) return firn_fail_memory(err, "sorting keys");
    for (size_t i = 0; i < s->file_run_count; i++) FIRN_TRY(add_pieces_of_file(s, &s->runs[i], digit, err));
    in_file = s->piece_count;
    for (size_t i = s->file_run_count; i < s->run_count; i++) {
        if (count_in_run(&s->runs[i], digit, digit + 1) > 0) add_piece_in_memory(s, &s->runs[i], digit);
    }
    if (in_file > s->part_capacity)
        return firn_fail(err, FIRN_E_INDEX_LIMIT, "too many keys to sort in the memory given");
    s->piece_capacity = in_file ? s->part_capacity / in_file : 0;
    for (size_t i = 0; i < in_file; i++) {
        s->pieces[i].buffer = s->entries + i * s->piece_capacity;
        FIRN_TRY(fill_piece(s, &s->pieces[i], err));
    }
    for (size_t i = s->piece_count / 2; i > 0; i--) sink_piece(s, i - 1);
    return FIRN_OK;
}

static firn_status
pop(key_sorter *s, entry *ret_entry, firn_error *err)
{
    run_piece *piece = &s->pieces[0];

    *ret_entry = piece->buffer[piece->at++];
    if (piece->at == piece->count && piece->left > 0) FIRN_TRY(fill_piece(s, piece, err));
    if (piece->at == piece->count) *piece = s->pieces[--s->piece_count];
    if (s->piece_count > 0) sink_piece(s, 0);
    return FIRN_OK;
}

/* The last change of a key is known by what comes next. */
static firn_status
merge_some(key_sorter *s, size_t *ret_count, firn_error *err)
{
    size_t count = 0;

    while (s->piece_count > 0 && count < s->part_capacity) {
        FIRN_TRY(pop(s, &s->scratch[count], err));
        if (!s->copies && s->piece_count > 0 &&
            key_hash_equal(key_of(&s->pieces[0].buffer[s->pieces[0].at]), key_of(&s->scratch[count])))
            continue;
        count++;
    }
    *ret_count = count;
    return FIRN_OK;
}

/* ---- giving out ---- */

/* Without copies, the last change of each key stays. */
static size_t
drop_overtaken(entry entries[], size_t count)
{
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        if (i + 1 < count && key_hash_equal(key_of(&entries[i]), key_of(&entries[i + 1]))) continue;
        if (kept != i) entries[kept] = entries[i];
        kept++;
    }
    return kept;
}

static void
number_copies(key_sorter *s, entry entries[], size_t count)
{
    for (size_t i = 0; i < count; i++) {
        key_hash key = key_of(&entries[i]);

        s->copy = s->has_last && key_hash_equal(s->last, key) ? s->copy + 1 : 0;
        s->last = key;
        s->has_last = true;
        store_le32(entries[i].bytes + 8, key.low + s->copy);
    }
}

/* As many digits as are worth it, one at least where any is left; *ret_count may be more than a part holds. */
static size_t
choose_digits(const key_sorter *s, uint64_t *ret_count)
{
    uint64_t count = 0, count_max = GROUP_ENTRIES;
    size_t   end = s->digit;

    if (count_max < s->file_run_count * PIECE_ENTRIES) count_max = s->file_run_count * PIECE_ENTRIES;
    if (count_max > s->part_capacity) count_max = s->part_capacity;
    for (; end < digit_count(s); end++) {
        uint64_t here = count_digit(s, end);

        if (count > 0 && count + here > count_max) break;
        count += here;
    }
    *ret_count = count;
    return end;
}

/* The entries of the digits up to `end` into scratch, sorted. */
static firn_status
sort_group(key_sorter *s, size_t end, firn_error *err)
{
    size_t at = 0;

    for (size_t i = 0; i < s->run_count; i++) {
        FIRN_TRY(read_run(s, &s->runs[i], s->digit, end, s->entries + at, err));
        at += count_in_run(&s->runs[i], s->digit, end);
    }
    sort_digits(s, s->digit, end, s->entries, s->scratch, at);
    return FIRN_OK;
}

firn_status
key_sorter_next(key_sorter *s, const uint8_t **ret_entries, size_t *ret_count, firn_error *err)
{
    uint64_t count = 0;
    size_t   kept;

    if (s->piece_count == 0 && s->digit < digit_count(s)) {
        size_t end = choose_digits(s, &count);

        if (count > s->part_capacity)
            FIRN_TRY(begin_pieces(s, end - 1, err)); // those before it have none
        else
            FIRN_TRY(sort_group(s, end, err));
        s->digit = end;
    }
    kept = (size_t) count;
    if (s->piece_count > 0)
        FIRN_TRY(merge_some(s, &kept, err));
    else if (!s->copies)
        kept = drop_overtaken(s->scratch, kept);
    if (s->copies) number_copies(s, s->scratch, kept);
    *ret_entries = s->scratch->bytes;
    *ret_count = kept;
    return FIRN_OK;
}
