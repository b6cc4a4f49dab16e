"""A Kafka broker with a listener for each way to be let in, beside the plain one."""
from .authority import Authority
from .identity import Identity
from .kafka import Broker
from .kerberos import Kerberos
from .process import free_port

# LOGIN: TLS and each mechanism of SASL. MUTUAL: TLS with certificates of both sides. EXPIRED: TLS, with a certificate that has run out.
LISTENERS = """
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,LOGIN:SASL_SSL,MUTUAL:SSL,EXPIRED:SSL
listener.name.login.ssl.keystore.type=PEM
listener.name.login.ssl.keystore.location={keys}
listener.name.login.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER,GSSAPI
listener.name.login.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_{user}="{password}";
listener.name.login.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.login.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.login.gssapi.sasl.jaas.config=com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true storeKey=true keyTab="{keytab}" principal="kafka/localhost@{kerberos.realm}";
listener.name.login.gssapi.connections.max.reauth.ms=6000
sasl.kerberos.service.name=kafka
listener.name.login.oauthbearer.sasl.jaas.config=org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required;
listener.name.login.oauthbearer.sasl.server.callback.handler.class=org.apache.kafka.common.security.oauthbearer.OAuthBearerValidatorCallbackHandler
listener.name.login.oauthbearer.connections.max.reauth.ms=3600000
sasl.oauthbearer.jwks.endpoint.url=file://{identity.keys}
sasl.oauthbearer.expected.issuer={identity.issuer}
sasl.oauthbearer.expected.audience=kafka
sasl.oauthbearer.jwt.validator.class=org.apache.kafka.common.security.oauthbearer.BrokerJwtValidator
sasl.oauthbearer.clock.skew.seconds=0
listener.name.mutual.ssl.keystore.type=PEM
listener.name.mutual.ssl.keystore.location={keys}
listener.name.mutual.ssl.truststore.type=PEM
listener.name.mutual.ssl.truststore.location={authority}
listener.name.mutual.ssl.client.auth=required
listener.name.expired.ssl.keystore.type=PEM
listener.name.expired.ssl.keystore.location={expired}
"""


class SecureBroker(Broker):
    """`login` (name, password) by PLAIN and SCRAM, and `identity`'s tokens by OAUTHBEARER, whose connections end when they do, `kerberos`'s
    principals firn and desk by GSSAPI, whose connections end after 6 s; `authority`
    has signed all certificates, which are for localhost."""

    def __init__(self, login):
        self.login = login
        self.authority = Authority()
        self.identity = Identity(self.authority, *login)
        self.kerberos = Kerberos({"kafka/localhost": "1h", "firn": "1h", "desk": "10s"})
        self.java_options = [f"-Djava.security.krb5.conf={self.kerberos.settings}", f"-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=file://{self.identity.keys}"]
        self.listeners = {name: free_port() for name in ("LOGIN", "MUTUAL", "EXPIRED")}
        super().__init__()

    def more_properties(self):
        return LISTENERS.format(user=self.login[0], password=self.login[1], authority=self.authority.certificate, identity=self.identity, kerberos=self.kerberos,
                                keytab=self.kerberos.keytab("kafka/localhost"),
                                keys=self.authority.issue_joined("localhost"), expired=self.authority.issue_joined("localhost", days=-1))

    def format_arguments(self):
        return [argument for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
                for argument in ("--add-scram", f"{mechanism}=[name={self.login[0]},password={self.login[1]}]")]

    def stop(self):
        super().stop()
        self.identity.stop()
        self.kerberos.stop()

    def address(self, listener, host="localhost"):
        return f"{host}:{self.listeners[listener]}"
