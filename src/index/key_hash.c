#include "index/key_hash.h"

#include "base/bytes.h"

typedef struct sip_state {
    uint64_t v0, v1, v2, v3;
} sip_state;

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

key_hash
key_hash_of(const key_seed *seed, firn_slice bytes)
{
    sip_state s = {seed->a ^ UINT64_C(0x736f6d6570736575), seed->b ^ UINT64_C(0x646f72616e646f6d) ^ 0xee,
                   seed->a ^ UINT64_C(0x6c7967656e657261), seed->b ^ UINT64_C(0x7465646279746573)};
    uint64_t  last = (uint64_t) bytes.size << 56;
    key_hash  hash;
    size_t    at = 0;

    for (; at + 8 <= bytes.size; at += 8) sip_word(&s, load_le64(bytes.data + at));
    for (unsigned shift = 0; at < bytes.size; at++, shift += 8) last |= (uint64_t) bytes.data[at] << shift;
    sip_word(&s, last);
    s.v2 ^= 0xee;
    for (int i = 0; i < 4; i++) sip_round(&s);
    hash.high = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
    s.v1 ^= 0xdd;
    for (int i = 0; i < 4; i++) sip_round(&s);
    hash.low = (uint32_t) (s.v0 ^ s.v1 ^ s.v2 ^ s.v3);
    return hash;
}
