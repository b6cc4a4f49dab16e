/*
 * Attributes and tiny macros that every file may use.
 */
#ifndef FIRN_BASE_ATTRS_H
#define FIRN_BASE_ATTRS_H

#include <assert.h>

/* Releases the variable when it goes out of scope: FIRN_AUTO(buffer_done) firn_buffer b = {0}; */
#define FIRN_AUTO(dtor) __attribute__((cleanup(dtor)))
#define FIRN_MUST_USE __attribute__((warn_unused_result))
#define FIRN_PRINTF(format_index, first_index) \
    __attribute__((format(printf, format_index, first_index)))
#define FIRN_NORETURN __attribute__((noreturn))
#define FIRN_NOINLINE __attribute__((noinline)) /* keeps a large frame out of its caller's */
#define FIRN_UNUSED __attribute__((unused))
#define FIRN_LIKELY(x) __builtin_expect(!!(x), 1)
#define FIRN_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Moves a pointer out of a FIRN_AUTO variable: the hand-over is visible. */
#define FIRN_STEAL(p)                   \
    (__extension__({                    \
        __typeof__(p) *slot_ = &(p);    \
        __typeof__(p)  out_  = *slot_;  \
        *slot_               = NULL;    \
        out_;                           \
    }))

#define FIRN_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Defines the FIRN_AUTO form of a destructor: void x_freep(x **p). */
#define FIRN_DEFINE_FREEP(type, free_function)                       \
    static inline FIRN_UNUSED void type##_freep(type **slot)         \
    {                                                                \
        free_function(*slot);                                        \
        *slot = (type *) 0;                                           \
    }

/* For hot loops only; assert() stays on in release builds. */
#ifdef FIRN_DEBUG
#define firn_dassert(x) assert(x)
#else
#define firn_dassert(x) ((void) 0)
#endif

#endif
