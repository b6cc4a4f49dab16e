#include "postgres/copy_reader.h"

#include "base/alloc.h"
#include "postgres/copy_decode.h"
#include "postgres/copy_stream.h"

#define STATEMENT_SIZE_MAX ((size_t) 64 << 20)

typedef struct copy_reader {
    batch_reader          base;
    postgres_connection  *connection;
    connection_return     home;
    const postgres_table *table;
    firn_arena            arena;
    postgres_piece       *pieces;
    unsigned              piece_count, statement_count, statement_next;
    const char           *what;
    copy_stream           stream;
    copy_decoder         *decoder;
    split_outcome        *outcome;
    bool                  reading; /* a COPY runs */
} copy_reader;

static void
reader_free(batch_reader *base)
{
    copy_reader *r = (copy_reader *) base;
    if (r->reading || (r->connection && r->connection->broken)) {
        /* The server may still work on it: say so, and do not use the connection again. */
        if (r->reading && !r->stream.ended && !r->stream.silence.is_lost) postgres_connection_stop_query(r->connection);
        r->connection->broken = true;
    }
    copy_stream_done(&r->stream);
    copy_decoder_free(r->decoder);
    if (r->connection) r->home.give_back(r->home.state, r->connection);
    schema_unref(r->base.schema);
    firn_arena_done(&r->arena);
    firn_free(r);
}

static firn_status
start_statement(copy_reader *r, firn_error *err)
{
    FIRN_AUTO(firn_buffer_done) firn_buffer sql = {0};
    firn_buffer_init(&sql, STATEMENT_SIZE_MAX);
    FIRN_TRY(postgres_add_statement(r->table, r->pieces, r->piece_count, r->statement_next, &sql, err));
    r->statement_next++;
    copy_decoder_restart(r->decoder);
    r->reading = true;
    return copy_stream_start(&r->stream, (const char *) sql.data, err);
}

static void
fill_outcome(const copy_reader *r)
{
    *r->outcome = (split_outcome){
        .row_count = copy_decoder_row_count(r->decoder),
        .server_count = r->stream.server_count,
        .byte_count = r->stream.byte_count,
        .coerced_count = copy_decoder_coerced_count(r->decoder),
    };
}

static firn_status
end_statement(copy_reader *r, firn_error *err)
{
    r->reading = false;
    if (copy_decoder_ended(r->decoder)) return FIRN_OK;
    return firn_fail(err, FIRN_E_POSTGRES_PROTOCOL, "%s: the COPY stream has no end mark", r->what);
}

static firn_status
reader_next(batch_reader *base, batch *ret_batch, firn_error *err)
{
    copy_reader *r = (copy_reader *) base;
    *ret_batch = (batch){0};
    FIRN_TRY(postgres_check_cancel(r->connection, err));
    while (!copy_decoder_full(r->decoder)) {
        firn_slice message;
        if (FIRN_UNLIKELY(!r->reading)) {
            if (r->statement_next == r->statement_count) {
                fill_outcome(r);
                break;
            }
            FIRN_TRY(start_statement(r, err));
        }
        FIRN_TRY(copy_stream_next(&r->stream, &message, err));
        if (FIRN_UNLIKELY(!message.data)) {
            FIRN_TRY(end_statement(r, err));
            continue;
        }
        FIRN_TRY(copy_decoder_add(r->decoder, message.data, message.size, err));
    }
    return copy_decoder_take(r->decoder, ret_batch, err);
}

static const batch_reader_ops copy_reader_ops = {.next = reader_next, .free = reader_free};

static bool
wants_block_ranges(const copy_reader *r)
{
    for (unsigned i = 0; i < r->piece_count; i++)
        if (r->pieces[i].kind == PIECE_BLOCKS) return true;
    return false;
}

static firn_status
prepare(copy_reader *r, const postgres_settings *server, const source_split *split, size_t batch_rows, size_t batch_bytes, firn_error *err)
{
    r->table = split->description->detail;
    r->base.schema = schema_ref(r->table->layout.schema);
    r->what = firn_arena_printf(&r->arena, "reading '%s'", r->table->layout.qualified_name);
    if (!r->what) return firn_fail_memory(err, "a reader");
    FIRN_TRY(postgres_pieces_parse(split->text, &r->arena, &r->pieces, &r->piece_count, err));
    r->statement_count = postgres_statement_count(r->table, r->piece_count);
    copy_stream_init(&r->stream, r->connection, r->what);
    FIRN_TRY(copy_decoder_new(&r->table->layout, batch_rows, batch_bytes, &r->decoder, err));
    /* A TRUNCATE that waits for the load's lock makes later readers of the table wait for itself: without a
     * limit, for ever. Without TID range scans, each split might scan the whole table. */
    FIRN_TRY(copy_silence_watch(&r->stream.silence, server, r->connection, err));
    return postgres_execute(r->connection,
                            wants_block_ranges(r) ? "SET lock_timeout = '30s'; SET enable_seqscan = off"
                                                  : "SET lock_timeout = '30s'; SET enable_seqscan = on",
                            "setting up the session", err);
}

firn_status
copy_reader_new(postgres_connection *take_connection, connection_return home, const postgres_settings *server,
                const source_split *split, size_t batch_rows, size_t batch_bytes, split_outcome *ret_outcome, batch_reader **ret_reader,
                firn_error *err)
{
    copy_reader *r = firn_calloc(1, sizeof *r);
    if (!r) {
        home.give_back(home.state, take_connection);
        return firn_fail_memory(err, "a reader");
    }
    r->base.ops = &copy_reader_ops;
    r->connection = take_connection;
    r->home = home;
    r->outcome = ret_outcome;
    firn_arena_init(&r->arena, STATEMENT_SIZE_MAX);
    if (prepare(r, server, split, batch_rows, batch_bytes, err)) {
        reader_free(&r->base);
        return err->status;
    }
    *ret_reader = &r->base;
    return FIRN_OK;
}
