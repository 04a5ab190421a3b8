"""TLS and SASL DIGEST-MD5 with Apache's Java client and kazoo, against a server of their own that wants both.

With `--zookeeper` that server is a real ZooKeeper.
"""

import os
import shutil
import subprocess
import tempfile

import harness
from harness import ClientTestCase
from kazoo.client import KazooClient
from kazoo.exceptions import AuthFailedError, NoAuthError
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.security import make_acl
from zkcli import ZkCli

STORE_PASSWORD = "secret-of-the-store"
JAAS_SERVER = 'Server { org.apache.zookeeper.server.auth.DigestLoginModule required user_bob="bob-secret" user_eve="eve-secret"; };\n'
JAAS_CLIENT = 'Client { org.apache.zookeeper.server.auth.DigestLoginModule required username="%s" password="%s"; };\n'
REFUSED_SECONDS_MAX = 10


class Certificates:
    """An authority, and a key with a certificate of it for the server and for a client; in a folder."""

    def __init__(self, folder):
        self.folder = folder
        self._request("ca", "/CN=authority", ["-x509"])
        for name, subject in (("server", "/CN=localhost"), ("client", "/O=Example/CN=worker")):
            self._request(name, subject, [])
            self._openssl(
                ["x509", "-req", "-in", self.path(name + ".csr"), "-days", "2", "-out", self.path(name + ".crt")]
                + ["-CA", self.path("ca.crt"), "-CAkey", self.path("ca.key"), "-CAcreateserial"]
            )
            # Key and certificate in one file, as ZooKeeper's PEM stores want them.
            with open(self.path(name + ".pem"), "w") as out:
                out.write(self._read(name + ".key") + self._read(name + ".crt"))
        shutil.copy(self.path("ca.crt"), self.path("ca.pem"))

    def path(self, name):
        return os.path.join(self.folder, name)

    def _read(self, name):
        with open(self.path(name)) as text:
            return text.read()

    def _request(self, name, subject, kind):
        made = "crt" if kind else "csr"
        key = ["-newkey", "rsa:2048", "-nodes", "-keyout", self.path(name + ".key")]
        self._openssl(["req", *kind, *key, "-days", "2", "-subj", subject, "-out", self.path("%s.%s" % (name, made))])

    @staticmethod
    def _openssl(arguments):
        subprocess.run(["openssl", *arguments], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


class SecuredTests(ClientTestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.mkdtemp(prefix="secured-")
        cls.addClassCleanup(shutil.rmtree, cls.folder)
        cls.certificates = Certificates(cls.folder)
        (cls.secure_port,) = harness.free_ports(1)
        settings = {
            "secureClientPort": cls.secure_port,
            "secureClientPortAddress": "127.0.0.1",
            "ssl.keyStore.location": cls.certificates.path("server.pem"),
            "ssl.trustStore.location": cls.certificates.path("ca.pem"),
        }
        if harness.cluster().name == "zookeeper":
            settings["serverCnxnFactory"] = "org.apache.zookeeper.server.NettyServerCnxnFactory"
            settings["authProvider.1"] = "org.apache.zookeeper.server.auth.SASLAuthenticationProvider"
            jaas = cls.write("server.jaas", JAAS_SERVER)
            cls.secured = harness.zookeeper(settings, {"java.security.auth.login.config": jaas})
        else:
            settings["sasl.usersFile"] = cls.write("users", "bob:bob-secret\neve:eve-secret\n")
            settings["admin.enableServer"] = "false"
            cls.secured = harness.configured(settings)
        cls.secured.start()
        cls.addClassCleanup(cls.secured.stop)

    @classmethod
    def write(cls, name, text):
        path = os.path.join(cls.folder, name)
        with open(path, "w") as out:
            out.write(text)
        return path

    def server(self):
        return self.secured

    @property
    def secure_address(self):
        return "127.0.0.1:%d" % self.secure_port

    def kazoo_by_sasl(self, user, password):
        options = {"mechanism": "DIGEST-MD5", "username": user, "password": password}
        return KazooClient(self.address(), timeout=10.0, sasl_options=options)

    def kazoo_by_tls(self, **certificate):
        return KazooClient(self.secure_address, timeout=10.0, use_ssl=True, ca=self.certificates.path("ca.crt"), **certificate)

    def java_by_sasl(self, user, password):
        jaas = self.write("%s-%s.jaas" % (user, password), JAAS_CLIENT % (user, password))
        # In what it calls FIPS mode, its default, the Java client uses no DIGEST-MD5.
        properties = {"java.security.auth.login.config": jaas, "zookeeper.fips-mode": "false"}
        return ZkCli(self.address(), properties=properties)

    def java_by_tls(self):
        return ZkCli(
            self.secure_address,
            properties={
                "zookeeper.client.secure": "true",
                "zookeeper.clientCnxnSocket": "org.apache.zookeeper.ClientCnxnSocketNetty",
                "zookeeper.ssl.keyStore.location": self.certificates.path("client.pem"),
                "zookeeper.ssl.trustStore.location": self.certificates.path("ca.pem"),
                "zookeeper.ssl.hostnameVerification": "false",
            },
        )

    def started(self, client):
        self.addCleanup(self._close, client)
        client.start(timeout=harness.EVENT_SECONDS_MAX)
        return client

    def test_java_authenticates_by_sasl_and_what_is_its_own_is_kept_from_others(self):
        bob = self.java_by_sasl("bob", "bob-secret")
        self.addCleanup(bob.quit)
        bob.await_printed("state:SaslAuthenticated")
        self.assertEqual(sorted(bob.run("whoami")), ["Auth scheme: User", "ip: 127.0.0.1", "sasl: bob"])
        self.assertEqual(bob.run("create %s x sasl:bob:cdrwa" % self.root), ["Created %s" % self.root])
        self.assertEqual(bob.run("get %s" % self.root), ["x"])
        eve = self.started(self.kazoo_by_sasl("eve", "eve-secret"))
        with self.assertRaises(NoAuthError):
            eve.get(self.root)
        self.assertEqual(bob.run("deleteall %s" % self.root), [])

    def test_java_with_a_wrong_password_is_refused(self):
        eve = self.java_by_sasl("bob", "wrong")
        self.addCleanup(eve.quit)
        eve.await_printed("state:AuthFailed")
        self.assertIn("Not connected", eve.run("ls /"))

    def test_kazoo_authenticates_by_sasl_and_what_is_its_own_is_kept_from_others(self):
        bob = self.started(self.kazoo_by_sasl("bob", "bob-secret"))
        bob.create(self.root, b"x", acl=[make_acl("sasl", "bob", all=True)])
        self.assertEqual(bob.get(self.root)[0], b"x")
        with self.assertRaises(NoAuthError):
            self.client().get(self.root)
        bob.delete(self.root)

    def test_kazoo_with_a_wrong_password_is_refused(self):
        client = self.kazoo_by_sasl("bob", "wrong")
        self.addCleanup(self._close, client)
        # Not `start`: it calls it a time-out when the refusal comes between the connection and its own look at that.
        client.start_async().wait(harness.EVENT_SECONDS_MAX)
        with self.assertRaises(AuthFailedError):
            client.get_children("/")

    def test_java_over_tls_is_the_subject_of_its_certificate(self):
        worker = self.java_by_tls()
        self.addCleanup(worker.quit)
        self.assertEqual(
            sorted(worker.run("whoami")), ["Auth scheme: User", "ip: 127.0.0.1", "x509: CN=worker,O=Example"]
        )
        # zkCli takes a list apart at its commas, so another client sets it.
        kazoo = self.started(
            self.kazoo_by_tls(certfile=self.certificates.path("client.crt"), keyfile=self.certificates.path("client.key"))
        )
        kazoo.create(self.root, b"x", acl=[make_acl("x509", "CN=worker,O=Example", all=True)])
        self.assertEqual(worker.run("get %s" % self.root), ["x"])
        with self.assertRaises(NoAuthError):
            self.client().get(self.root)
        kazoo.delete(self.root)

    def test_who_has_no_certificate_is_not_let_in(self):
        stranger = self.kazoo_by_tls()
        self.addCleanup(self._close, stranger)
        with self.assertRaises(KazooTimeoutError):
            stranger.start(timeout=REFUSED_SECONDS_MAX)
