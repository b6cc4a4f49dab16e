/*
 * For test_status_server.py: status_page ADDRESS [TOKEN] prints the port, and serves until stdin ends.
 */
#include <stdio.h>

#include "base/clock.h"
#include "cli/metrics_text.h"
#include "cli/status_server.h"

static firn_status
render(void *state, status_route route, firn_buffer *out, bool *ret_ready, firn_error *err)
{
    const int64_t     *started_us = state;
    const metric_label labels[] = {{"source", "shop"}, {"table", "a\"b\\c\nd"}};
    metrics_text       m;

    if (route == STATUS_ROUTE_HEALTHZ) return firn_buffer_add_text(out, "ok\n", err);
    if (route == STATUS_ROUTE_STATUS) return firn_buffer_add_text(out, "{\"tables\": []}\n", err);
    if (route == STATUS_ROUTE_READYZ) {
        *ret_ready = false;
        return firn_buffer_add_text(out, "not connected\n", err);
    }
    metrics_begin(&m, out, err);
    metrics_process(&m, *started_us);
    metrics_family(&m, "firn_lag_seconds", METRIC_GAUGE, "Age of the oldest change that is not committed.");
    metrics_double(&m, labels, 2, 1.5);
    return metrics_end(&m);
}

int
main(int argc, char *argv[])
{
    FIRN_AUTO(status_server_freep) status_server *server = NULL;
    int64_t    started_us = firn_clock_now_us();
    firn_error err = {0};

    if (argc < 2) return 64;
    const status_server_settings settings = {
        .address = argv[1], .token = argc > 2 ? argv[2] : NULL, .render = render, .state = &started_us};
    if (status_server_start(&settings, &server, &err)) {
        printf("FIRN-%04u %s\n", (unsigned) err.code, err.cause);
        return firn_status_exit_code(err.status);
    }
    printf("%u\n", status_server_port(server));
    fflush(stdout);
    while (getchar() != EOF) {}
    return 0;
}
