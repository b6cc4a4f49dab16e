"""A throw-away schema registry: Apicurio, spoken to by Confluent's API, and Kafka Connect's settings for it."""
import json
import os
import urllib.error
import urllib.request

from .process import Process, free_port, scratch_folder

HOME = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", ".cache", "registry")
# Connect's plugin.path: the connectors and the Avro converter
PLUGINS = ",".join(os.path.abspath(os.path.join(HOME, folder)) for folder in ("../kafka/plugins", "plugins"))


class Registry:
    """`settings`: further system properties of the server."""

    def __init__(self, port=None, **settings):
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}/apis/ccompat/v7"
        app = os.path.join(HOME, "app")
        jar = next(os.path.join(app, name) for name in sorted(os.listdir(app)) if name.endswith("-runner.jar"))
        properties = {"quarkus.http.host": "127.0.0.1", "quarkus.http.port": self.port, **settings}
        self.process = Process("the schema registry",
                               ["java", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1",
                                *(f"-D{name}={value}" for name, value in properties.items()), "-jar", jar],
                               os.path.join(scratch_folder("registry"), "log"))
        self.process.wait_until(self._answers, 90)

    def _answers(self):
        try:
            self.request("/subjects")
            return True
        except urllib.error.HTTPError as error:
            return error.code == 401
        except OSError:
            return False

    def request(self, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data,
                                         headers={"Content-Type": "application/vnd.schemaregistry.v1+json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read())

    def add(self, subject, schema, references=()):
        """The id of the schema under this subject."""
        return self.request(f"/subjects/{subject}/versions",
                            {"schema": json.dumps(schema), "schemaType": "AVRO", "references": list(references)})["id"]

    def converters(self):
        """What a connector's configuration needs for keys and values in Avro, in Confluent's framing."""
        settings = {"": "io.apicurio.registry.utils.converter.AvroConverter",
                    ".apicurio.registry.url": f"http://127.0.0.1:{self.port}/apis/registry/v2",
                    ".apicurio.registry.auto-register": "true",
                    ".apicurio.registry.find-latest": "true",
                    ".apicurio.registry.as-confluent": "true",
                    ".apicurio.registry.headers.enabled": "false",
                    ".apicurio.registry.use-id": "contentId"}  # what Confluent's API means by an id
        return {f"{what}.converter{name}": value for what in ("key", "value") for name, value in settings.items()} | {
            "schema.name.adjustment.mode": "avro", "field.name.adjustment.mode": "avro"}

    def stop(self):
        self.process.stop()
