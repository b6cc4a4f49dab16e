#include "base/secret.h"

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"

enum { REDACTED_SIZE_MIN = 4 }; /* shorter ones would blank out ordinary words */

struct firn_secret {
    firn_secret *next, *previous;
    size_t       size;
    char         text[];
};

/* All living secrets, for firn_secret_redact. */
static pthread_mutex_t living_lock = PTHREAD_MUTEX_INITIALIZER;
static firn_secret    *living;

firn_secret *
firn_secret_new(const char *text)
{
    size_t       size = strlen(text);
    firn_secret *secret = firn_alloc(sizeof *secret + size + 1);

    if (!secret) return NULL;
    memcpy(secret->text, text, size + 1);
    secret->size = size;
    secret->previous = NULL;
    pthread_mutex_lock(&living_lock);
    secret->next = living;
    if (living) {
        living->previous = secret;
    }
    living = secret;
    pthread_mutex_unlock(&living_lock);
    return secret;
}

void
firn_secret_free(firn_secret *secret)
{
    if (!secret) return;
    pthread_mutex_lock(&living_lock);
    if (secret->previous) {
        secret->previous->next = secret->next;
    } else {
        living = secret->next;
    }
    if (secret->next) {
        secret->next->previous = secret->previous;
    }
    pthread_mutex_unlock(&living_lock);
    explicit_bzero(secret->text, secret->size);
    firn_free(secret);
}

const char *
firn_secret_reveal(const firn_secret *secret)
{
    return secret ? secret->text : "";
}

/* Size of the longest secret that starts here; 0: none. */
static size_t
secret_at(const char *text, size_t size)
{
    size_t longest = 0;

    for (const firn_secret *s = living; s; s = s->next) {
        if (s->size >= REDACTED_SIZE_MIN && s->size > longest && s->size <= size && s->text[0] == text[0] &&
            memcmp(s->text, text, s->size) == 0) {
            longest = s->size;
        }
    }
    return longest;
}

void
firn_secret_redact(char *text)
{
    size_t size = strlen(text), out = 0;

    pthread_mutex_lock(&living_lock);
    for (size_t at = 0; living && at < size;) {
        size_t end = at + secret_at(text + at, size - at);
        if (end == at) {
            text[out++] = text[at++];
            continue;
        }
        /* Secrets that overlap or contain one another vanish together. */
        for (size_t inner = at + 1; inner < end; inner++) {
            size_t inner_end = inner + secret_at(text + inner, size - inner);
            if (inner_end > end) {
                end = inner_end;
            }
        }
        memcpy(text + out, "***", 3);
        out += 3;
        at = end;
    }
    if (living) {
        text[out] = '\0';
    }
    pthread_mutex_unlock(&living_lock);
}
