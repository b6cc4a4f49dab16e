"""Kafka is reached as kafka_clusters.yaml says, by TLS and login, and what is wrong is said so that it can be mended."""
import contextlib
import glob
import json
import os
import pathlib
import re
import shutil
import subprocess
import time
import uuid

import pytest

from firn import ROOT
from servers.authority import Authority
from servers.process import free_port, scratch_folder
from servers.secure_kafka import SecureBroker
from test_observe import get

USER, PASSWORD = "firn", "canary-kafka-5d1e-password"
TOPIC = "dev.shop.public.t"


def event(number):
    """The `number`th row of the table, as Debezium would tell it."""
    lsn = 1000 + number
    source = {"version": "3.2.0.Final", "connector": "postgresql", "name": "dev.shop", "ts_ms": 1, "snapshot": "false", "db": "shop",
              "sequence": json.dumps([None, str(lsn)]), "schema": "public", "table": "t", "txId": lsn, "lsn": lsn}
    value = {"before": None, "after": {"id": number}, "source": source, "op": "c", "ts_ms": 1}
    return json.dumps({"id": number}) + "\t" + json.dumps(value) + "\n"


@pytest.fixture(scope="module")
def kafka_connect():
    running = SecureBroker(login=(USER, PASSWORD))
    running.tool("org.apache.kafka.tools.ConsoleProducer", "--topic", TOPIC, "--property", "parse.key=true", stdin=event(1))
    running.row_count = 1
    yield running
    running.stop()


@contextlib.contextmanager
def writer(broker):
    """A function that writes a further row and returns their number."""
    producer = subprocess.Popen(broker.tool_command("org.apache.kafka.tools.ConsoleProducer", "--topic", TOPIC, "--property", "parse.key=true"),
                                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, text=True)

    def write():
        broker.row_count += 1
        producer.stdin.write(event(broker.row_count))
        producer.stdin.flush()
        return broker.row_count
    try:
        yield write
    finally:
        producer.stdin.close()
        producer.wait(30)


@contextlib.contextmanager
def lasting(identity, life_s):
    before, identity.life_s = identity.life_s, life_s
    try:
        yield
    finally:
        identity.life_s, identity.down = before, False


def wait_for(done, timeout_s):
    deadline = time.monotonic() + timeout_s
    while not done():
        assert time.monotonic() < deadline, f"not within {timeout_s} s"
        time.sleep(0.2)


@pytest.fixture
def source(project, new_database):
    project.database, project.connection = new_database("CREATE TABLE t (id int PRIMARY KEY)")
    project.environment["KAFKA_PASSWORD"] = PASSWORD
    project.secrets.add(PASSWORD)
    return project.source("shop", project.database, "public", kafka_topic_prefix="dev.shop", follow={"from": "kafka"})


@pytest.fixture(scope="session")
def newer_library():
    """An environment in which firn runs with a librdkafka newer than the system's."""
    found = glob.glob(str(ROOT / ".cache/librdkafka-venv/lib/*/site-packages/confluent_kafka.libs/librdkafka*.so.1"))
    assert found, "no librdkafka in .cache/librdkafka-venv: run tools/setup --tests"
    folder = scratch_folder("librdkafka")
    (pathlib.Path(folder) / "librdkafka.so.1").symlink_to(found[0])
    return {"LD_LIBRARY_PATH": folder}


def follow(project, **keywords):
    return project.run("follow", "--source", "shop", "--until-caught-up", timeout=60, **keywords)


def rows(project, namespace="bronze.shop"):
    try:
        return project.lake.static_table(namespace, "t").scan().to_arrow().num_rows
    except LookupError:
        return 0


def group():
    """A group of its own: members that are gone keep their partitions for 30 s, from other folders."""
    return f"firn-{uuid.uuid4()}"


def secure(broker, mechanism, **settings):
    return {"bootstrap_servers": broker.address("LOGIN"), "consumer_group_prefix": group(),
            "security": {"protocol": "sasl_ssl", "sasl_mechanism": mechanism, "sasl_username": USER, "sasl_password": "${KAFKA_PASSWORD}",
                         "ssl_ca": broker.authority.certificate, **settings}}


def by_tls(broker, listener="MUTUAL", **settings):
    return {"bootstrap_servers": broker.address(listener), "consumer_group_prefix": group(), "security": {"protocol": "ssl", "ssl_ca": broker.authority.certificate, **settings}}


def library(project, env=None):
    return tuple(int(part) for part in re.search(r"rdkafka (\d+)\.(\d+)\.(\d+)", project.run("version", env=env).out).groups())


# ---- who we are ----


def test_plain(source, kafka_connect):
    source.kafka_cluster("primary", **secure(kafka_connect, "PLAIN"))
    follow(source).expect(0)
    assert rows(source) == kafka_connect.row_count


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_scram(source, kafka_connect, newer_library, mechanism):
    """Debian 12's library has a fault in SCRAM that brokers do not take any more: that is said, with what helps, and that helps."""
    source.kafka_cluster("primary", **secure(kafka_connect, mechanism))
    if library(source) < (2, 6, 1):
        assert "2.6.1" in follow(source).expect(77).err
    assert library(source, newer_library) >= (2, 6, 1)
    follow(source, env=newer_library).expect(0)
    assert rows(source) == kafka_connect.row_count
    result = follow(source, env={**newer_library, "KAFKA_PASSWORD": "wrong-secret-word"}).expect(77)
    assert "FIRN-2302" in result.err and "sasl_password" in result.err and "2.6.1" not in result.err and "wrong-secret-word" not in result.err


def test_wrong_password(source, kafka_connect):
    source.kafka_cluster("primary", **secure(kafka_connect, "PLAIN"))
    result = follow(source, env={"KAFKA_PASSWORD": "wrong-secret-word"}).expect(77)
    assert "FIRN-2302" in result.err and "sasl_password" in result.err and "wrong-secret-word" not in result.err
    assert result.seconds < 15


def test_token(source, kafka_connect):
    """A token that somebody else has fetched."""
    identity = kafka_connect.identity
    source.kafka_cluster("primary", **secure(kafka_connect, "OAUTHBEARER"))
    token = identity.token()
    source.secrets.add(token)
    follow(source, env={"KAFKA_PASSWORD": token}).expect(0)
    assert rows(source) == kafka_connect.row_count
    result = follow(source, env={"KAFKA_PASSWORD": identity.token(life_s=-3600)}).expect(77)
    assert "FIRN-2302" in result.err and "run out" in result.err and "oauth_token_url" in result.err, result


def by_identity(broker, **settings):
    return secure(broker, "OAUTHBEARER", oauth_token_url=broker.identity.url, oauth_ca=broker.authority.certificate, **settings)


def test_what_runs_out_while_it_is_followed(source, kafka_connect):
    """The broker ends connections, with a token's end and after some seconds of a ticket's: tokens and tickets are fetched again, also after the
    identity provider was away for longer than a token lasts. A login that is refused for good is warned of."""
    identity, kerberos = kafka_connect.identity, kafka_connect.kerberos
    identity.asked.clear()
    source.kafka_cluster("tokens", **by_identity(kafka_connect, oauth_scope="kafka read+write", oauth_extensions="logicalCluster=lkc-1"))
    source.kafka_cluster("tickets", **by_kerberos(kafka_connect, kerberos_keytab=kerberos.keytab("desk")))
    for name, cluster in (("shop", "tokens"), ("desk", "tickets")):
        source.source(name, source.database, "public", kafka_topic_prefix="dev.shop", follow={"from": "kafka", "kafka_cluster": cluster, "commit_interval": "100ms"})
    count = kafka_connect.row_count

    def all_there(names=("shop", "desk")):
        return all(rows(source, f"bronze.{name}") == count for name in names)
    with writer(kafka_connect) as write, lasting(identity, 6):
        logs = [open(source.folder / f"{name}.log", "w+", encoding="utf-8") for name in ("shop", "desk")]
        running = [source.start("follow", "--source", name, env=kerberos.environment, stderr=log) for name, log in zip(("shop", "desk"), logs)]
        try:
            wait_for(all_there, 60)
            for identity.down in (False, True):
                asked = len(identity.asked)
                wait_for(lambda: len(identity.asked) > asked, 30)
                time.sleep(7)  # longer than the token at hand
                count = write()
                if not identity.down:
                    wait_for(all_there, 60)
                    assert kerberos.logins("desk") >= 2
                    kerberos.remove("desk")
                identity.down = False
            wait_for(lambda: all_there(["shop"]), 60)
            wait_for(lambda: "no broker lets us in any more" in pathlib.Path(logs[1].name).read_text(encoding="utf-8"), 60)
        finally:
            for process in running:
                process.terminate()
                process.wait(60)
            said = []
            for log in logs:
                with log:
                    log.seek(0)
                    said.append(log.read())
    for process, err in zip(running, said):
        assert process.returncode == 0 and "FIRN-" not in err, err
    assert "there is no token now" in said[0] and "answers 503" in said[0], said[0]
    assert len(identity.asked) >= 4
    assert all(form == {"grant_type": ["client_credentials"], "scope": ["kafka read+write"]} for form in identity.asked)
    source.assert_no_secret()


def test_no_token(source, kafka_connect):
    identity = kafka_connect.identity
    source.kafka_cluster("primary", **by_identity(kafka_connect))
    result = follow(source, env={"KAFKA_PASSWORD": "wrong-secret-word"}).expect(77)
    assert "FIRN-2302" in result.err and "invalid_client" in result.err and "oauth_token_url" in result.err and "wrong-secret-word" not in result.err, result
    source.kafka_cluster("primary", **secure(kafka_connect, "OAUTHBEARER", oauth_token_url=identity.url))
    result = follow(source).expect(77)
    assert "certificate" in result.err and "oauth_ca" in result.err, result
    for settings, said in (({"oauth_token_url": "http://identity.example.com/token"}, "oauth_token_url"),
                           ({"oauth_token_url": identity.url, "oauth_extensions": "auth=x"}, "oauth_extensions")):
        source.kafka_cluster("primary", **secure(kafka_connect, "OAUTHBEARER", **settings))
        result = follow(source).expect(64)
        assert said in result.err, result


def by_kerberos(broker, keytab=True, **settings):
    made = secure(broker, "GSSAPI", **{"kerberos_keytab": broker.kerberos.keytab("firn"), **settings} if keytab else settings)
    for name in ("sasl_username", "sasl_password"):
        del made["security"][name]
    return made


def test_kerberos(source, kafka_connect, tmp_path):
    """By a keytab whose name a shell would take for orders, without any kinit; and by a ticket that somebody has got."""
    kerberos = kafka_connect.kerberos
    keytab = tmp_path / "a\"; touch pwned; `touch pwned` $(touch pwned) 'b:c.keytab"
    shutil.copy(kerberos.keytab("firn"), keytab)
    kinit = tmp_path / "bin" / "kinit"
    kinit.parent.mkdir()
    kinit.write_text("#!/bin/sh\ntouch pwned\n")
    kinit.chmod(0o755)
    source.kafka_cluster("primary", **by_kerberos(kafka_connect, kerberos_keytab=str(keytab)))
    follow(source, env={**kerberos.environment, "PATH": f"{kinit.parent}:{os.environ['PATH']}"}).expect(0)
    assert rows(source) == kafka_connect.row_count
    assert not list(source.folder.rglob("pwned")) + list(tmp_path.rglob("pwned"))

    ticket = {**kerberos.environment, "KRB5CCNAME": f"FILE:{tmp_path}/ticket"}
    subprocess.run(["kinit", "-k", "-t", kerberos.keytab("firn"), "firn"], env={**os.environ, **ticket}, check=True)
    source.kafka_cluster("primary", **by_kerberos(kafka_connect, keytab=False))
    follow(source, env=ticket).expect(0)


def test_kerberos_that_does_not_let_in(source, kafka_connect, tmp_path):
    environment = {**kafka_connect.kerberos.environment, "KRB5CCNAME": f"FILE:{tmp_path}/none"}
    none = tmp_path / "no.keytab"
    none.write_text("no keytab")
    for settings, more, code, said in (({"keytab": False}, {}, 77, ("FIRN-2302", "kerberos_keytab", "kinit")),
                                       ({"kerberos_keytab": str(none)}, {}, 64, ("FIRN-2304", "no keytab", "kerberos_keytab")),
                                       ({"kerberos_keytab": "/does/not/exist"}, {}, 64, ("FIRN-2304", "/does/not/exist")),
                                       ({"kerberos_service": "`touch pwned`"}, {}, 64, ("FIRN-2304", "kerberos_service")),
                                       ({"kerberos_service": "other"}, {}, 77, ("FIRN-2302", "other/HOST", "kerberos_service")),
                                       ({"kerberos_keytab": kafka_connect.kerberos.keytab("kafka/localhost")}, {"SASL_PATH": str(tmp_path)}, 77,
                                        ("FIRN-2302", "libsasl2-modules-gssapi-mit"))):
        source.kafka_cluster("primary", **by_kerberos(kafka_connect, **settings))
        result = follow(source, env={**environment, **more}).expect(code)
        for text in said:
            assert text in result.err, (text, result)


def test_client_certificate(source, kafka_connect):
    authority = kafka_connect.authority
    certificate, key = authority.issue("client")
    source.kafka_cluster("primary", **by_tls(kafka_connect, ssl_certificate=certificate, ssl_key=key))
    follow(source).expect(0)
    assert rows(source) == kafka_connect.row_count
    certificate, key = authority.issue("locked", password=PASSWORD)
    locked = by_tls(kafka_connect, ssl_certificate=certificate, ssl_key=key, ssl_key_password="${KAFKA_PASSWORD}")
    source.kafka_cluster("primary", **locked)
    follow(source).expect(0)
    result = follow(source, env={"KAFKA_PASSWORD": "wrong-secret-word"}).expect(64)
    assert "FIRN-2304" in result.err and "ssl_key_password" in result.err and "wrong-secret-word" not in result.err, result


def test_client_certificate_that_the_broker_does_not_take(source, kafka_connect):
    source.kafka_cluster("primary", **by_tls(kafka_connect))  # none at all
    result = follow(source).expect(77)
    assert "FIRN-2303" in result.err and "ssl_certificate" in result.err, result
    for authority, days in ((Authority("strangers"), 30), (kafka_connect.authority, -1)):
        certificate, key = authority.issue("client", days=days)
        source.kafka_cluster("primary", **by_tls(kafka_connect, ssl_certificate=certificate, ssl_key=key))
        result = follow(source).expect(77)
        assert "FIRN-2303" in result.err and "ssl_certificate" in result.err, result


# ---- who the broker is ----


def test_certificate_that_is_not_trusted(source, kafka_connect):
    source.kafka_cluster("primary", **secure(kafka_connect, "PLAIN", ssl_ca=Authority("strangers").certificate))
    result = follow(source).expect(77)
    assert "FIRN-2303" in result.err and "ssl_ca" in result.err, result


def test_certificate_that_has_run_out(source, kafka_connect):
    source.kafka_cluster("primary", **by_tls(kafka_connect, "EXPIRED"))
    result = follow(source).expect(77)
    assert "FIRN-2303" in result.err and "run out" in result.err, result


def test_certificate_for_another_name(source, kafka_connect):
    source.kafka_cluster("primary", **{**secure(kafka_connect, "PLAIN"), "bootstrap_servers": kafka_connect.address("LOGIN", "127.0.0.1")})
    result = follow(source).expect(77)
    assert "FIRN-2303" in result.err and "another name" in result.err, result


# ---- a way that is none ----


def test_where_nobody_speaks_like_this(project, kafka_connect):
    """Each waits for its time to reach a broker: side by side."""
    tls, plain = kafka_connect.address("LOGIN"), f"localhost:{kafka_connect.port}"
    ssl = {"protocol": "ssl", "ssl_ca": kafka_connect.authority.certificate}
    sasl = {"protocol": "sasl_plaintext", "sasl_mechanism": "PLAIN", "sasl_username": USER, "sasl_password": "${KAFKA_PASSWORD}"}
    cases = {"nobody": (f"127.0.0.1:{free_port()}", {}, ["bootstrap_servers"]), "tls": (tls, {}, ["security: protocol (plaintext)"]),
             "plain": (plain, ssl, ["security: protocol (ssl)", "no TLS is spoken there"]), "login": (tls, ssl, ["security: protocol (ssl)"]),
             "both": (tls, sasl, ["security: protocol (sasl_plaintext)"]),
             "kdc": (tls, by_kerberos(kafka_connect)["security"], ["KDC", "krb5.conf"]),
             "token": (tls, by_identity(kafka_connect)["security"], ["there is no token now", "answers 503", "oauth_token_url"])}
    project.environment["KAFKA_PASSWORD"] = PASSWORD
    settings = pathlib.Path(kafka_connect.kerberos.settings).read_text(encoding="utf-8")
    (project.folder / "krb5.conf").write_text(settings.replace(f":{kafka_connect.kerberos.port}", f":{free_port()}"), encoding="utf-8")
    running = {}
    kafka_connect.identity.down = True
    for name, (address, security, _) in cases.items():
        project.kafka_cluster(name, bootstrap_servers=address, security=security)
        project.source(name, "postgres", "public", kafka_topic_prefix="dev.shop", follow={"from": "kafka", "kafka_cluster": name})
    for name in cases:
        running[name] = project.start("follow", "--source", name, "--until-caught-up", env={"KRB5_CONFIG": str(project.folder / "krb5.conf")})
    for name, (address, _, said) in cases.items():
        err = running[name].communicate(timeout=60)[1]
        assert running[name].returncode == 75 and "FIRN-2301" in err and address in err, err
        for text in said:
            assert text in err, (name, err)
    kafka_connect.identity.down = False


def test_settings_that_cannot_be(source, kafka_connect):
    source.kafka_cluster("primary", bootstrap_servers=f"127.0.0.1:{kafka_connect.port}", librdkafka={"session.timeout.ms": "soon"})
    result = follow(source).expect(64)
    assert "FIRN-2304" in result.err and "session.timeout.ms" in result.err and "kafka_clusters.yaml:" in result.err
    source.kafka_cluster("primary", **secure(kafka_connect, "PLAIN", ssl_ca="/does/not/exist"))
    assert "FIRN-2304" in follow(source).expect(64).err
    settings = secure(kafka_connect, "PLAIN")
    del settings["security"]["sasl_mechanism"]
    source.kafka_cluster("primary", **settings)
    assert "sasl_mechanism" in follow(source).expect(64).err


def test_check_names_what_is_weak(source, kafka_connect):
    source.kafka_cluster("primary", **secure(kafka_connect, "PLAIN"))
    assert "sends sasl_password" not in source.run("check", "--source", "shop").out
    sasl = {"protocol": "sasl_plaintext", "sasl_mechanism": "PLAIN", "sasl_username": USER, "sasl_password": "${KAFKA_PASSWORD}"}
    source.kafka_cluster("primary", bootstrap_servers=f"127.0.0.1:{kafka_connect.port},[::1]:1", security=sasl)
    assert "sends sasl_password" not in source.run("check", "--source", "shop").out
    source.kafka_cluster("primary", bootstrap_servers=f"127.0.0.1:{kafka_connect.port},kafka.invalid:9092", security=sasl)
    assert "sends sasl_password to 'primary' readable" in source.run("check", "--source", "shop").out


def test_which_cluster(source, kafka_connect):
    result = follow(source).expect(66)
    assert "kafka_clusters.yaml" in result.err
    source.kafka_cluster("one", bootstrap_servers=f"127.0.0.1:{kafka_connect.port}")
    follow(source).expect(0)
    source.kafka_cluster("two", bootstrap_servers=f"127.0.0.1:{kafka_connect.port}")
    assert "one" in follow(source).expect(64).err
    source.sources["shop"]["follow"]["kafka_cluster"] = "two"
    source.write_config()
    follow(source).expect(0)
    source.sources["shop"]["follow"]["kafka_cluster"] = "three"
    source.write_config()
    assert "'three'" in follow(source).expect(66).err


def readiness(port):
    try:
        return get(port, "/readyz")[0]
    except OSError:  # it does not listen yet
        return 0


def test_brokers_that_are_away(source, kafka_connect):
    """Whoever looks at /readyz sees it, and that they are back, although nothing is written."""
    source.kafka_cluster("primary", **secure(kafka_connect, "PLAIN"))
    port = free_port()
    running = source.start("follow", "--source", "shop", "--http", f"127.0.0.1:{port}")
    try:
        for ready, change in ((200, kafka_connect.process.stop), (503, kafka_connect.start), (200, running.terminate)):
            wait_for(lambda: readiness(port) == ready, 60)
            change()
        assert running.wait(30) == 0
    finally:
        running.kill()
        running.communicate()
