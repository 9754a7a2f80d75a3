"""A server that gets its certificate from an ACME authority (Caddy's), in network and mount namespaces of their own, where
port 443 is free and names are ours. Run it with `unshare --user --map-root-user --net --mount`.

Takes JSON: `bucketry` and `caddy` (programs), `dir`. Prints JSON: what clients of the server see.
"""

import fcntl
import json
import os
import pathlib
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import time
import urllib.request

given = json.loads(sys.argv[1])
directory = pathlib.Path(given["dir"])
DIRECTORY = "https://ca.test:4443/acme/local/directory"
ROOT = directory / "store/pki/authorities/local/root.crt"
PATIENCE = 90
UP_AND_RUNNING, SET_FLAGS = 0x41, 0x8914


def own_network():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SET_FLAGS, struct.pack("16sh", b"lo", UP_AND_RUNNING))
    hosts = directory / "hosts"
    # Nothing listens at the last one.
    hosts.write_text("127.0.0.1 localhost ca.test storage.test s3.test\n127.0.0.9 elsewhere.test\n")
    subprocess.run(["mount", "--bind", hosts, "/etc/hosts"], check=True)


def authority():
    (directory / "Caddyfile").write_text(f"""{{
        admin off
        https_port 4443
        http_port 4480
        auto_https disable_redirects
        skip_install_trust
        storage file_system {directory}/store
    }}
    ca.test {{
        tls internal
        acme_server {{
            challenges tls-alpn-01
        }}
    }}
    """)
    log = open(directory / "caddy.log", "w")
    command = [given["caddy"], "run", "--adapter", "caddyfile", "--config", directory / "Caddyfile"]
    return subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "HOME": str(directory), "XDG_DATA_HOME": str(directory / ".local/share")})


def server(data, domains):
    log = open(directory / f"{data}.log", "w")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("BUCKETRY_")}
    command = [given["bucketry"], "serve", "--data-dir", directory / data, "--listen", "127.0.0.1:443",
               "--gateway-listen", "127.0.0.1:9000", "--acme-domain", domains, "--acme-contact", "a@example.com",
               "--acme-directory", DIRECTORY, "--acme-ca-file", ROOT]
    return subprocess.Popen(command, stdout=log, stderr=log, env=environment)


def eventually(look):
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return look()
        except Exception as error:
            if time.monotonic() > deadline:
                logs = {path.name: path.read_text()[-3000:] for path in directory.glob("*.log")}
                raise RuntimeError(f"{error}: {json.dumps(logs, indent=1)}") from error
            time.sleep(0.2)


def trusting():
    return ssl.create_default_context(cafile=ROOT)


def seen(name, port):
    """The certificate that a client gets that trusts the authority, and the status of a request."""
    context = trusting()
    with socket.create_connection((name, port), timeout=10) as plain:
        with context.wrap_socket(plain, server_hostname=name) as connection:
            certificate = connection.getpeercert()
    names = [value for kind, value in certificate["subjectAltName"] if kind == "DNS"]
    return {"names": sorted(names), "serial": certificate["serialNumber"]}


def needs(condition):
    if not condition:
        raise AssertionError("not yet")


own_network()
ca = authority()
try:
    eventually(lambda: urllib.request.urlopen(DIRECTORY, context=trusting()).close())
    first = server("first", "storage.test,s3.test")
    report = {"api": eventually(lambda: seen("storage.test", 443)), "gateway": eventually(lambda: seen("s3.test", 9000))}
    first.terminate()
    first.wait()
    # The certificate is stored: none is ordered at a restart.
    again = server("first", "storage.test,s3.test")
    report["restarted"] = eventually(lambda: seen("storage.test", 443))
    again.terminate()
    again.wait()
    files = sorted((directory / "first/acme").iterdir())
    report["files"] = {path.name: oct(path.stat().st_mode & 0o777) for path in files}
    # An authority that has lost its accounts gets a new one, as soon as the certificate is due.
    ca.terminate()
    ca.wait()
    accounts = directory / ".local/share/caddy/acme_server"
    shutil.rmtree(accounts)
    ca = authority()
    eventually(lambda: urllib.request.urlopen(DIRECTORY, context=trusting()).close())
    (directory / "first/acme/certificate.pem").unlink()
    account = (directory / "first/acme/account.json").read_text()
    renewed = server("first", "storage.test,s3.test")
    report["renewed"] = eventually(lambda: seen("storage.test", 443))
    report["newAccount"] = account != (directory / "first/acme/account.json").read_text()
    renewed.terminate()
    renewed.wait()
    refused = server("second", "elsewhere.test")
    log = directory / "second.log"
    eventually(lambda: needs("no certificate was issued" in log.read_text()))
    report["refused"] = log.read_text()
    refused.terminate()
    refused.wait()
    print(json.dumps(report))
finally:
    ca.kill()
