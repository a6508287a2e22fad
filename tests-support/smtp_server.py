"""An SMTP server on 127.0.0.1 with STARTTLS and AUTH, whose passwords are those of SES for the in-memory account's keys.

    smtp_server.py FOLDER REGION

It writes its authority's certificate to FOLDER/ca.pem, prints its port, appends each login to FOLDER/logins (the answer's code and the
user), and ends when its standard input does. As many logins of each user as FOLDER/lag says are refused first.
"""

import asyncio
import base64
import datetime
import hashlib
import hmac
import ipaddress
import pathlib
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

MASK = (1 << 64) - 1
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def secret_of(key):
    """The secret half that the in-memory account computes for a key."""
    state = 0xCBF29CE484222325
    for byte in key.encode():
        state = (state ^ byte) * 0x100000001B3 & MASK
    text = ""
    for _ in range(40):
        state = state + 0x9E3779B97F4A7C15 & MASK
        state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 & MASK
        state = (state ^ state >> 27) * 0x94D049BB133111EB & MASK
        state ^= state >> 31
        text += LETTERS[state % 64]
    return text


def password_of(key, region):
    """By the algorithm of the SES developer guide, "Obtaining Amazon SES SMTP credentials"."""
    signature = f"AWS4{secret_of(key)}".encode()
    for part in ("11111111", region, "ses", "aws4_request", "SendRawEmail"):
        signature = hmac.new(signature, part.encode(), hashlib.sha256).digest()
    return base64.b64encode(b"\x04" + signature)


class Logins:
    def __init__(self, folder, region):
        self.folder, self.region = folder, region
        self.seen = {}

    def __call__(self, server, session, envelope, mechanism, data):
        if not isinstance(data, LoginPassword):
            return AuthResult(success=False, handled=False)
        user = data.login.decode()
        self.seen[user] = self.seen.get(user, 0) + 1
        lag = self.folder / "lag"
        late = self.seen[user] <= int(lag.read_text() if lag.exists() else 0)
        right = not late and hmac.compare_digest(data.password, password_of(user, self.region))
        with open(self.folder / "logins", "a") as file:
            file.write(f"{235 if right else 535} {user}\n")
        return AuthResult(success=right, handled=False)


def certificate(folder):
    """An authority, and the context of a server with a certificate by it for 127.0.0.1."""
    # Tests have their own clocks.
    begin, end = (datetime.datetime(year, 1, 1) for year in (2020, 2100))

    def signed(name, key, issuer, issuer_key, extensions):
        builder = x509.CertificateBuilder(
            issuer_name=x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, issuer)]),
            subject_name=x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)]),
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=begin,
            not_valid_after=end,
        )
        for extension in extensions:
            builder = builder.add_extension(extension, critical=False)
        return builder.sign(issuer_key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)

    authority, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca = signed("authority", authority, "authority", authority, [x509.BasicConstraints(ca=True, path_length=None)])
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    chain = folder / "server.pem"
    chain.write_bytes(
        own.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + signed("server", own, "authority", authority, [here])
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    (folder / "ca.pem").write_bytes(ca)
    return context


async def main():
    folder, region = pathlib.Path(sys.argv[1]), sys.argv[2]
    context, logins = certificate(folder), Logins(folder, region)
    settings = {"tls_context": context, "require_starttls": True, "auth_required": True, "authenticator": logins}
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(object(), **settings), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


if __name__ == "__main__":
    asyncio.run(main())
