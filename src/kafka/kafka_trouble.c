#include "kafka/kafka_trouble.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "task/lock.h"

/* 2.6.1: before it, the client's nonce was sent twice (confluentinc/librdkafka#4895), which brokers refuse since CVE-2024-56128. */
#define SCRAM_MENDED 0x020601ff
#define WEIGHT_HOPELESS 4
/* In our own words, which librdkafka hands back. */
#define NO_TOKEN "there is no token: "
#define NO_TOKEN_NOW "there is no token now: "

/* Of OpenSSL's x509_vfy.h, whose numbers are part of its ABI. */
enum {
    X509_NOT_YET_VALID = 9,
    X509_EXPIRED = 10,
    X509_SELF_SIGNED = 18,
    X509_SELF_SIGNED_IN_CHAIN = 19,
    X509_NO_ISSUER = 20,
    X509_NO_ISSUER_OF_LEAF = 21,
    X509_REVOKED = 23,
    X509_OTHER_NAME = 62,
    X509_OTHER_ADDRESS = 64,
};

typedef enum trouble_kind {
    TROUBLE_AWAY,
    TROUBLE_NO_TLS, /* the other side does not speak it */
    TROUBLE_LOGIN,
    TROUBLE_TOKEN,      /* the identity provider refuses */
    TROUBLE_TOKEN_AWAY, /* it does not answer */
    TROUBLE_KDC_AWAY,
    TROUBLE_RIGHTS,
    TROUBLE_CERTIFICATE,        /* the broker's */
    TROUBLE_CLIENT_CERTIFICATE, /* ours, or that we have none */
    TROUBLE_TOPIC,
} trouble_kind;

kafka_trouble *
kafka_trouble_new(void)
{
    kafka_trouble *trouble = firn_calloc(1, sizeof *trouble);
    if (!trouble) return NULL;
    trouble->lock = task_lock_new();
    if (trouble->lock) return trouble;
    firn_free(trouble);
    return NULL;
}

void
kafka_trouble_free(kafka_trouble *trouble)
{
    if (!trouble) return;
    task_lock_free(trouble->lock);
    firn_secret_free(trouble->token);
    firn_free(trouble);
}

/* ---- what it is ---- */

/* The alert that the broker sent, of TLS's list; 0: none. */
static unsigned
alert_of(const char *text)
{
    static const char before[] = "SSL alert number ";
    const char       *at = strstr(text, before);
    unsigned          number = 0;

    for (at = at ? at + sizeof before - 1 : ""; *at >= '0' && *at <= '9' && number < 1000; at++) number = number * 10 + (unsigned) (*at - '0');
    return number;
}

static bool
is_of_client_certificate(unsigned alert)
{
    switch (alert) {
    case 40:  /* handshake_failure: some say so where there is none */
    case 41:  /* no_certificate */
    case 42:  /* bad_certificate */
    case 43:  /* unsupported_certificate */
    case 44:  /* certificate_revoked */
    case 45:  /* certificate_expired */
    case 46:  /* certificate_unknown */
    case 48:  /* unknown_ca */
    case 49:  /* access_denied */
    case 116: /* certificate_required */
        return true;
    default:
        return false;
    }
}

/* What OpenSSL says where what comes back is no TLS: a broker with a plain listener hangs up. */
static bool
is_no_tls(const char *text)
{
    static const char *const said[] = {"unexpected eof", "wrong version number", "packet length too long", "record layer failure", "PLAINTEXT"};

    if (!strstr(text, "SSL handshake failed")) return false;
    for (size_t i = 0; i < FIRN_COUNT(said); i++)
        if (strstr(text, said[i])) return true;
    return false;
}

static bool
is_of_tls(const char *text)
{
    return strstr(text, "SSL handshake") || strstr(text, "certificate") || strstr(text, "ssl://") || strstr(text, "sasl_ssl://");
}

static trouble_kind
kind_of(rd_kafka_resp_err_t code, const char *text)
{
    if (strstr(text, NO_TOKEN_NOW)) return TROUBLE_TOKEN_AWAY;
    if (strstr(text, NO_TOKEN)) return TROUBLE_TOKEN;
    switch ((int) code) {
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
        return strstr(text, "Cannot contact any KDC") ? TROUBLE_KDC_AWAY : TROUBLE_LOGIN;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        return TROUBLE_RIGHTS;
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        return TROUBLE_TOPIC;
    default:
        break;
    }
    /* With TLS 1.3 a broker looks at our certificate when we are already through: then it is an error of receiving. */
    if (is_of_client_certificate(alert_of(text))) return TROUBLE_CLIENT_CERTIFICATE;
    if (is_no_tls(text)) return TROUBLE_NO_TLS;
    return (int) code == RD_KAFKA_RESP_ERR__SSL && is_of_tls(text) ? TROUBLE_CERTIFICATE : TROUBLE_AWAY;
}

/* What a user can mend is worth more than that a broker is away. */
static int
weight_of(rd_kafka_resp_err_t code, const char *text)
{
    trouble_kind kind = kind_of(code, text);

    if (kind == TROUBLE_LOGIN || kind == TROUBLE_TOKEN || kind == TROUBLE_CERTIFICATE || kind == TROUBLE_CLIENT_CERTIFICATE) return WEIGHT_HOPELESS;
    if (kind == TROUBLE_NO_TLS || kind == TROUBLE_TOKEN_AWAY || kind == TROUBLE_KDC_AWAY || (int) code == RD_KAFKA_RESP_ERR__RESOLVE) return 3;
    return (int) code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN ? 1 : 2;
}

/* ---- noting ---- */

void
kafka_trouble_note(kafka_trouble *trouble, rd_kafka_resp_err_t code, const char *text)
{
    task_lock_hold(trouble->lock);
    if (!trouble->code || weight_of(code, text) >= weight_of(trouble->code, trouble->text)) {
        trouble->code = code;
        (void) snprintf(trouble->text, sizeof trouble->text, "%s", text);
        firn_secret_redact(trouble->text);
    }
    task_lock_release(trouble->lock);
}

void
kafka_trouble_note_certificate(kafka_trouble *trouble, const char *broker, int error, int depth)
{
    task_lock_hold(trouble->lock);
    trouble->certificate_error = error;
    trouble->certificate_depth = depth;
    (void) snprintf(trouble->certificate_of, sizeof trouble->certificate_of, "%s", broker);
    task_lock_release(trouble->lock);
}

void
kafka_trouble_note_token(kafka_trouble *trouble, const firn_error *why, char ret_text[FIRN_ERROR_TEXT_MAX])
{
    (void) snprintf(ret_text, FIRN_ERROR_TEXT_MAX, "%s%.*s", why->status == FIRN_UNAVAILABLE ? NO_TOKEN_NOW : NO_TOKEN, FIRN_ERROR_TEXT_MAX - 64,
                    why->cause);
    firn_secret_redact(ret_text);
    task_lock_hold(trouble->lock);
    (void) snprintf(trouble->token_hint, sizeof trouble->token_hint, "%s", why->hint);
    task_lock_release(trouble->lock);
}

void
kafka_trouble_forget(kafka_trouble *trouble)
{
    task_lock_hold(trouble->lock);
    trouble->code = RD_KAFKA_RESP_ERR_NO_ERROR;
    trouble->text[0] = 0;
    trouble->certificate_error = 0;
    task_lock_release(trouble->lock);
}

bool
kafka_trouble_is_users(rd_kafka_resp_err_t code, const char *text)
{
    trouble_kind kind = kind_of(code, text);

    return kind == TROUBLE_LOGIN || kind == TROUBLE_KDC_AWAY || kind == TROUBLE_CERTIFICATE || kind == TROUBLE_CLIENT_CERTIFICATE;
}

bool
kafka_trouble_is_hopeless(kafka_trouble *trouble)
{
    task_lock_hold(trouble->lock);
    bool hopeless = trouble->code && weight_of(trouble->code, trouble->text) >= WEIGHT_HOPELESS;
    task_lock_release(trouble->lock);
    return hopeless;
}

/* ---- telling ---- */

static const char *
reason_of(int certificate_error)
{
    switch (certificate_error) {
    case X509_NOT_YET_VALID:
        return "is not valid yet";
    case X509_EXPIRED:
        return "has run out";
    case X509_SELF_SIGNED:
    case X509_SELF_SIGNED_IN_CHAIN:
    case X509_NO_ISSUER:
    case X509_NO_ISSUER_OF_LEAF:
        return "is not signed by anybody whom firn trusts";
    case X509_REVOKED:
        return "was revoked";
    case X509_OTHER_NAME:
    case X509_OTHER_ADDRESS:
        return "is for another name";
    default:
        return NULL;
    }
}

/* librdkafka says the same of all certificates: what OpenSSL found says more. */
static void
tell_certificate(const kafka_trouble *trouble, char out[FIRN_ERROR_TEXT_MAX])
{
    const char *reason = reason_of(trouble->certificate_error);

    if (reason)
        (void) snprintf(out, FIRN_ERROR_TEXT_MAX, "%s of '%s' %s", trouble->certificate_depth ? "a certificate in the chain" : "the certificate",
                        trouble->certificate_of, reason);
}

static rd_kafka_resp_err_t
take(kafka_trouble *trouble, char out[FIRN_ERROR_TEXT_MAX], int *ret_certificate_error)
{
    task_lock_hold(trouble->lock);
    rd_kafka_resp_err_t code = trouble->code;
    memcpy(out, trouble->text, sizeof trouble->text);
    if (code && kind_of(code, out) == TROUBLE_CERTIFICATE) {
        tell_certificate(trouble, out);
        *ret_certificate_error = trouble->certificate_error;
    }
    task_lock_release(trouble->lock);
    return code;
}

static void
hint_of_kerberos(firn_error *err, const kafka_cluster *cluster, const char *text)
{
    const char *service = cluster->service ? cluster->service : "kafka";

    if (strstr(text, "o mechanism available") || strstr(text, "No worthy mechs"))
        firn_hint(err, "this machine lacks the GSSAPI plugin of Cyrus SASL: install Debian's libsasl2-modules-gssapi-mit");
    else if (strstr(text, "Server ") && strstr(text, "not found in Kerberos database"))
        firn_hint(err, "Kerberos does not know '%s/HOST' with the HOST of bootstrap_servers and advertised.listeners: look at kerberos_service of '%s', and at the brokers' principals",
                  service, cluster->name);
    else if (cluster->keytab)
        firn_hint(err, "look at kerberos_keytab of '%s' (%s): 'klist -k' shows whose keys it has, and the first principal logs in; the brokers are %s/HOST", cluster->name,
                  cluster->keytab, service);
    else
        firn_hint(err, "there must be a ticket of Kerberos (kinit), or kerberos_keytab of '%s' in kafka_clusters.yaml, by which firn gets and renews its own", cluster->name);
}

static void
hint_of_login(firn_error *err, const kafka_cluster *cluster, const char *text)
{
    if (cluster->mechanism && strncmp(cluster->mechanism, "SCRAM", 5) == 0 && rd_kafka_version() < SCRAM_MENDED)
        firn_hint(err, "librdkafka %s cannot log in by SCRAM to brokers from Kafka 3.7.2 and 3.8.1 on, whatever the password (librdkafka#4895): use 2.6.1 or later "
                       "(docs/KAFKA.md, \"SCRAM\"), or PLAIN over TLS; else look at sasl_username and sasl_password of '%s'",
                  rd_kafka_version_str(), cluster->name);
    else if (cluster->mechanism && strcmp(cluster->mechanism, "GSSAPI") == 0)
        hint_of_kerberos(err, cluster, text);
    else if (cluster->mechanism && strcmp(cluster->mechanism, "OAUTHBEARER") == 0 && !cluster->token_url)
        firn_hint(err, "sasl_password of '%s' in kafka_clusters.yaml is the token, which may have run out; with oauth_token_url firn fetches tokens by itself", cluster->name);
    else if (cluster->mechanism && strcmp(cluster->mechanism, "OAUTHBEARER") == 0)
        firn_hint(err, "the broker does not take the token that oauth_token_url of '%s' gives: look at its audience and scope (oauth_scope), and at the broker's log", cluster->name);
    else
        firn_hint(err, "look at sasl_mechanism, sasl_username and sasl_password of '%s' in kafka_clusters.yaml", cluster->name);
}

static void
hint_of_certificate(firn_error *err, const kafka_cluster *cluster, int certificate_error)
{
    switch (certificate_error) {
    case X509_EXPIRED:
    case X509_NOT_YET_VALID:
        firn_hint(err, "the broker needs a new certificate, unless this machine's clock is wrong");
        break;
    case X509_OTHER_NAME:
    case X509_OTHER_ADDRESS:
        firn_hint(err, "bootstrap_servers of '%s' (and the broker's advertised.listeners) must have a name that is in the broker's certificate", cluster->name);
        break;
    default:
        firn_hint(err, "ssl_ca of '%s' in kafka_clusters.yaml must be a file with the certificate that signed the broker's%s", cluster->name,
                  cluster->ca ? "" : "; without it, the system's certificates are trusted");
    }
}

static void
hint_of_token(firn_error *err, const kafka_cluster *cluster, kafka_trouble *trouble)
{
    char hint[FIRN_ERROR_TEXT_MAX] = "";

    if (trouble) {
        task_lock_hold(trouble->lock);
        memcpy(hint, trouble->token_hint, sizeof hint);
        task_lock_release(trouble->lock);
    }
    if (*hint)
        firn_hint(err, "%s", hint);
    else
        firn_hint(err, "check oauth_token_url of '%s' in kafka_clusters.yaml, and that the identity provider can be reached", cluster->name);
}

static void
hint_of(firn_error *err, const kafka_cluster *cluster, kafka_trouble *trouble, trouble_kind kind, const char *text, int certificate_error)
{
    const char *protocol = cluster->protocol ? cluster->protocol : "plaintext";

    switch (kind) {
    case TROUBLE_LOGIN:
        hint_of_login(err, cluster, text);
        break;
    case TROUBLE_TOKEN:
    case TROUBLE_TOKEN_AWAY:
        hint_of_token(err, cluster, trouble);
        break;
    case TROUBLE_KDC_AWAY:
        firn_hint(err, "check krb5.conf (KRB5_CONFIG), and that the realm's KDC can be reached");
        break;
    case TROUBLE_RIGHTS:
        firn_hint(err, "grant READ and DESCRIBE on the topics, and READ on the consumer group, to '%s'", cluster->username ? cluster->username : "this client");
        break;
    case TROUBLE_CERTIFICATE:
        hint_of_certificate(err, cluster, certificate_error);
        break;
    case TROUBLE_CLIENT_CERTIFICATE:
        if (cluster->certificate)
            firn_hint(err, "the broker does not take ssl_certificate of '%s' (%s): it must be signed by an authority that the broker trusts, and not have run out",
                      cluster->name, cluster->certificate);
        else
            firn_hint(err, "the broker wants to see a certificate: set ssl_certificate and ssl_key of '%s' in kafka_clusters.yaml", cluster->name);
        break;
    case TROUBLE_NO_TLS:
        firn_hint(err, "no TLS is spoken there: security: protocol (%s) of '%s' in kafka_clusters.yaml must be that of the broker's listener", protocol, cluster->name);
        break;
    case TROUBLE_AWAY:
        firn_hint(err, "check bootstrap_servers of '%s' in kafka_clusters.yaml, the firewall, and that security: protocol (%s) is that of the broker's listener",
                  cluster->name, protocol);
        break;
    case TROUBLE_TOPIC:
        break;
    }
}

static firn_code
code_of(trouble_kind kind)
{
    switch (kind) {
    case TROUBLE_LOGIN:
    case TROUBLE_TOKEN:
    case TROUBLE_RIGHTS:
        return FIRN_E_KAFKA_DENIED;
    case TROUBLE_CERTIFICATE:
    case TROUBLE_CLIENT_CERTIFICATE:
        return FIRN_E_KAFKA_TLS;
    case TROUBLE_TOPIC:
        return FIRN_E_KAFKA_TOPIC;
    case TROUBLE_AWAY:
    case TROUBLE_NO_TLS:
    case TROUBLE_TOKEN_AWAY:
    case TROUBLE_KDC_AWAY:
        break;
    }
    return FIRN_E_KAFKA_UNAVAILABLE;
}

firn_status
kafka_fail(firn_error *err, const kafka_cluster *cluster, kafka_trouble *trouble, rd_kafka_resp_err_t code, const char *doing)
{
    char                said[FIRN_ERROR_TEXT_MAX] = "";
    int                 certificate_error = 0;
    trouble_kind        kind = TROUBLE_CERTIFICATE;
    rd_kafka_resp_err_t other = trouble ? take(trouble, said, &certificate_error) : RD_KAFKA_RESP_ERR_NO_ERROR;

    /* "timed out" says less than why nobody answered. */
    if (other && (weight_of(other, said) >= weight_of(code, "") || code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__TRANSPORT))
        code = other;
    else
        (void) snprintf(said, sizeof said, "%s", rd_kafka_err2str(code));
    if (!certificate_error) kind = kind_of(code, said);
    (void) firn_fail(err, code_of(kind), "%s of Kafka cluster '%s' (%s): %.380s", doing, cluster->name, cluster->bootstrap_servers, said);
    hint_of(err, cluster, trouble, kind, said, certificate_error);
    return err->status;
}
