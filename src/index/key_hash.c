#include "index/key_hash.h"

#include "base/bytes.h"

typedef struct sip_state {
    uint64_t v0, v1, v2, v3;
} sip_state;

static inline sip_state
sip_start(const key_seed *seed)
{
    return (sip_state){seed->a ^ UINT64_C(0x736f6d6570736575), seed->b ^ UINT64_C(0x646f72616e646f6d) ^ 0xee,
                       seed->a ^ UINT64_C(0x6c7967656e657261), seed->b ^ UINT64_C(0x7465646279746573)};
}

static inline uint64_t
rotate(uint64_t x, unsigned bits)
{
    return x << bits | x >> (64 - bits);
}

static inline void
sip_round(sip_state *s)
{
    s->v0 += s->v1;
    s->v1 = rotate(s->v1, 13) ^ s->v0;
    s->v0 = rotate(s->v0, 32);
    s->v2 += s->v3;
    s->v3 = rotate(s->v3, 16) ^ s->v2;
    s->v0 += s->v3;
    s->v3 = rotate(s->v3, 21) ^ s->v0;
    s->v2 += s->v1;
    s->v1 = rotate(s->v1, 17) ^ s->v2;
    s->v2 = rotate(s->v2, 32);
}

static inline void
sip_word(sip_state *s, uint64_t word)
{
    s->v3 ^= word;
    sip_round(s);
    sip_round(s);
    s->v0 ^= word;
}

/* What stands behind the last whole word. */
static inline uint64_t
tail_of(const uint8_t *bytes, size_t size)
{
    size_t   rest = size % 8;
    uint64_t tail = 0;

    if (rest == 0) return 0;
    if (size > 8) return load_le64(bytes + size - 8) >> (64 - 8 * rest);
    for (size_t i = 0; i < rest; i++) tail |= (uint64_t) bytes[i] << (8 * i);
    return tail;
}

static inline key_hash
hash_of(const key_seed *seed, const uint8_t *bytes, size_t size)
{
    sip_state s = sip_start(seed);
    key_hash  hash;

    for (size_t at = 0; at + 8 <= size; at += 8) sip_word(&s, load_le64(bytes + at));
    sip_word(&s, (uint64_t) size << 56 | tail_of(bytes, size));
    s.v2 ^= 0xee;
    for (int i = 0; i < 4; i++) sip_round(&s);
    hash.high = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
    s.v1 ^= 0xdd;
    for (int i = 0; i < 4; i++) sip_round(&s);
    hash.low = (uint32_t) (s.v0 ^ s.v1 ^ s.v2 ^ s.v3);
    return hash;
}

key_hash
key_hash_of(const key_seed *seed, firn_slice bytes)
{
    return hash_of(seed, bytes.data, bytes.size);
}

#ifdef __x86_64__
#define WIDE __attribute__((target("avx2"))) static inline

/* Four keys side by side, where the processor has registers of that width. */
typedef uint64_t sip_words __attribute__((vector_size(32)));

typedef struct sip_states {
    sip_words v0, v1, v2, v3;
} sip_states;

WIDE sip_words
rotate_each(sip_words x, int bits)
{
    return x << bits | x >> (64 - bits);
}

WIDE void
sip_rounds_each(sip_states *s, int count)
{
    for (int i = 0; i < count; i++) {
        s->v0 += s->v1;
        s->v1 = rotate_each(s->v1, 13) ^ s->v0;
        s->v0 = rotate_each(s->v0, 32);
        s->v2 += s->v3;
        s->v3 = rotate_each(s->v3, 16) ^ s->v2;
        s->v0 += s->v3;
        s->v3 = rotate_each(s->v3, 21) ^ s->v0;
        s->v2 += s->v1;
        s->v1 = rotate_each(s->v1, 17) ^ s->v2;
        s->v2 = rotate_each(s->v2, 32);
    }
}

WIDE void
sip_word_each(sip_states *s, sip_words words)
{
    s->v3 ^= words;
    sip_rounds_each(s, 2);
    s->v0 ^= words;
}

WIDE void
hash_four(const sip_states *start, const uint8_t *bytes, size_t size, key_hash ret_hashes[4])
{
    const uint8_t *b = bytes + size, *c = b + size, *d = c + size;
    uint64_t       last = (uint64_t) size << 56;
    sip_states     s = *start;
    sip_words      high, low;

    for (size_t at = 0; at + 8 <= size; at += 8)
        sip_word_each(&s, (sip_words){load_le64(bytes + at), load_le64(b + at), load_le64(c + at), load_le64(d + at)});
    sip_word_each(&s, (sip_words){last | tail_of(bytes, size), last | tail_of(b, size), last | tail_of(c, size),
                                  last | tail_of(d, size)});
    s.v2 ^= (sip_words){0xee, 0xee, 0xee, 0xee};
    sip_rounds_each(&s, 4);
    high = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
    s.v1 ^= (sip_words){0xdd, 0xdd, 0xdd, 0xdd};
    sip_rounds_each(&s, 4);
    low = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
    for (int i = 0; i < 4; i++) ret_hashes[i] = (key_hash){high[i], (uint32_t) low[i]};
}

/* How many were done. */
__attribute__((target("avx2"))) static size_t
hash_fours(const key_seed *seed, const uint8_t *bytes, size_t size, size_t count, key_hash ret_hashes[])
{
    sip_state  one = sip_start(seed);
    sip_states start = {{one.v0, one.v0, one.v0, one.v0},
                        {one.v1, one.v1, one.v1, one.v1},
                        {one.v2, one.v2, one.v2, one.v2},
                        {one.v3, one.v3, one.v3, one.v3}};
    size_t     done = 0;

    for (; done + 4 <= count; done += 4) hash_four(&start, bytes + done * size, size, ret_hashes + done);
    return done;
}
#endif

void
key_hash_each(const key_seed *seed, const uint8_t *bytes, size_t size, size_t count, key_hash ret_hashes[])
{
    size_t i = 0;

#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2")) i = hash_fours(seed, bytes, size, count, ret_hashes);
#endif
    for (; i < count; i++) ret_hashes[i] = hash_of(seed, bytes + i * size, size);
}
