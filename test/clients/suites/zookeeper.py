#!/usr/bin/env python3
"""Stands in for a ZooKeeper server where another project's test suite starts its own.

It is called as they call ZooKeeper: `java … -Dzookeeper.NAME=VALUE … QuorumPeerMain zoo.cfg` or `zkServer.sh start-foreground zoo.cfg`.
It becomes a gateway of ZeroKeeper with the same zoo.cfg, on the tables at $SUITE_ENDPOINT. Servers whose zoo.cfg names the same
ensemble share a namespace; a server without an ensemble has one for its dataDir. What only Java reads is handed over in the way that a
gateway takes: key stores as PKCS12 and PEM, the users of a JAAS file in a file of their own, system properties in the zoo.cfg.
"""

import hashlib
import os
import re
import subprocess
import sys

MAIN = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../../dist/lib/cli/main.js")


def system_properties(arguments):
    flags = [*os.environ.get("SERVER_JVMFLAGS", "").split(), *arguments]
    given = (flag[2:].split("=", 1) for flag in flags if flag.startswith("-D") and "=" in flag)
    return {name: value for name, value in given}


def keytool(*arguments):
    subprocess.run(["keytool", *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def as_pkcs12(store, password):
    made = store + ".p12"
    if not os.path.exists(made):
        keys = ["-srckeystore", store, "-srcstorepass", password, "-destkeystore", made, "-deststorepass", password]
        keytool("-importkeystore", "-noprompt", "-deststoretype", "PKCS12", *keys)
    return made


def as_pem(store, password):
    made = store + ".pem"
    listed = subprocess.run(
        ["keytool", "-list", "-rfc", "-keystore", store, "-storepass", password],
        check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    ).stdout
    certificates = re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", listed, re.DOTALL)
    with open(made, "w") as out:
        out.write("\n".join(certificates) + "\n")
    return made


def sasl_users(jaas, directory):
    """The users of a JAAS file with DigestLoginModule; None when it has none."""
    if jaas is None or not os.path.exists(jaas):
        return None
    with open(jaas) as text:
        users = re.findall(r'user_([^=\s]+)="([^"]*)"', text.read())
    if not users:
        return None
    path = os.path.join(directory, "sasl-users")
    with open(path, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as out:
        out.writelines("%s:%s\n" % user for user in users)
    return path


def translated(config, properties):
    """The settings as a gateway takes them, by name."""
    with open(config) as text:
        settings = dict(line.strip().split("=", 1) for line in text if "=" in line and not line.startswith("#"))
    settings.update((name, value) for name, value in properties.items() if name.startswith("zookeeper."))
    for store, convert in (("ssl.keyStore", as_pkcs12), ("ssl.trustStore", as_pem)):
        location = settings.get(store + ".location", "")
        if location.endswith(".jks"):
            settings[store + ".location"] = convert(location, settings[store + ".password"])
    users = sasl_users(properties.get("java.security.auth.login.config"), os.path.dirname(config))
    if users is not None:
        settings["sasl.usersFile"] = users
    ensemble = sorted(entry for entry in settings.items() if re.match(r"server\.\d+$", entry[0]))
    identity = repr(ensemble or settings["dataDir"])
    # Both suites pause for about a tenth of a second where one server is to see what another has done.
    settings["followIdleMs"] = "50"
    settings["namespace"] = "suite-" + hashlib.sha256(identity.encode()).hexdigest()[:12]
    return settings


def main():
    arguments = sys.argv[1:]
    config = arguments[-1]
    settings = translated(config, system_properties(arguments))
    path = config + ".zerokeeper"
    with open(path, "w") as out:
        out.writelines("%s=%s\n" % setting for setting in settings.items())
    credentials = {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    command = ["node", MAIN, "gateway", "--config", path, "--endpoint", os.environ["SUITE_ENDPOINT"], "--logLevel", "warn"]
    log = os.open(os.path.join(os.path.dirname(config), "zerokeeper.log"), os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.execvpe("node", command, dict(os.environ, **credentials))


if __name__ == "__main__":
    main()
