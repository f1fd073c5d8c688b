"""Certificates of the control plane, made with openssl: a CA for the cluster and one for the front proxy."""

import subprocess
from pathlib import Path

DAYS = 365


def make_authority(folder: Path, name: str) -> None:
    """Write `<name>.crt` and `<name>.key`, unless both exist."""
    if (folder / f"{name}.crt").exists() and (folder / f"{name}.key").exists():
        return
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    request = ["req", "-x509", *_new_key(folder / f"{name}.key"), "-subj", f"/CN=orderpipeline-{name}"]
    usage = ["-addext", "keyUsage=critical,keyCertSign,cRLSign,digitalSignature"]
    _openssl([*request, *usage, "-out", f"{folder}/{name}.crt", "-days", str(DAYS)])


def issue(folder: Path, authority: str, name: str, subject: str, names: str = "") -> None:
    """Write `<name>.crt` and `<name>.key`, signed by `authority`, unless both exist.

    subject: for openssl's -subj (`/O=group/CN=user`). names: for subjectAltName (`DNS:a,IP:10.0.0.1`).
    """
    certificate, key = folder / f"{name}.crt", folder / f"{name}.key"
    if certificate.exists() and key.exists():
        return
    request, extensions = folder / f"{name}.csr", folder / f"{name}.ext"
    _openssl(["req", *_new_key(key), "-out", str(request), "-subj", subject])
    extensions.write_text(
        "basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n"
        "extendedKeyUsage=serverAuth,clientAuth\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
        + (f"subjectAltName={names}\n" if names else "")
    )
    signer = ["-CA", f"{folder}/{authority}.crt", "-CAkey", f"{folder}/{authority}.key", "-CAcreateserial"]
    made = ["-out", str(certificate), "-days", str(DAYS), "-extfile", str(extensions)]
    _openssl(["x509", "-req", "-in", str(request), *signer, *made])
    request.unlink()
    extensions.unlink()


def make_signing_key(folder: Path) -> None:
    """Write `sa.key` and `sa.pub`, which sign and verify service account tokens, unless both exist."""
    key, public = folder / "sa.key", folder / "sa.pub"
    if key.exists() and public.exists():
        return
    _openssl(["ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(key)])
    _openssl(["ec", "-in", str(key), "-pubout", "-out", str(public)])


def make_control_plane(folder: Path, addresses: tuple[str, ...]) -> None:
    """Make everything that an API server with aggregation needs, and an administrator's certificate. Idempotent."""
    make_authority(folder, "ca")
    make_authority(folder, "front-ca")
    hosts = ["localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc"]
    names = ",".join([f"IP:{address}" for address in addresses] + [f"DNS:{host}" for host in hosts])
    issue(folder, "ca", "apiserver", "/CN=kube-apiserver", names)
    issue(folder, "ca", "admin", "/O=system:masters/CN=admin")
    issue(folder, "front-ca", "front", "/CN=front-proxy")
    make_signing_key(folder)


def _new_key(path: Path) -> list[str]:
    return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(path)]


def _openssl(arguments: list[str]) -> None:
    result = subprocess.run(["openssl", *arguments], capture_output=True, text=True, check=False)
    if result.returncode:
        raise RuntimeError(f"openssl {arguments[0]} failed: {result.stderr.strip()}")
