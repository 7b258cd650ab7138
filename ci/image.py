"""Images of containers, made from an archive."""

import gzip
import hashlib
import io
import json
import tarfile
from pathlib import Path


def archive(files):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def sha256(content):
    return "sha256:" + hashlib.sha256(content).hexdigest()


def write(source, layout, saved):
    """Writes an OCI image layout with gzipped layers, which is a directory, and a file as `docker save` writes it.

    In both the archive is the second of three layers: the first has what later ones hide, the third is empty but for
    whiteouts.
    """
    layers = [
        archive({"etc/isotest-tree": b"hidden by a later layer\n", "etc/isotest-written": b"deleted by a later layer\n"}),
        Path(source).read_bytes(),
        archive({"etc/.wh.isotest-written": b""}),
    ]
    config = json.dumps({
        "architecture": "amd64",
        "os": "linux",
        "config": {"Env": ["PATH=/usr/local/bin:/usr/bin:/bin", "OF_THE_IMAGE=1"], "User": "nobody", "WorkingDir": "/srv"},
        "rootfs": {"type": "layers", "diff_ids": [sha256(layer) for layer in layers]},
    }).encode()

    blobs = Path(layout, "blobs/sha256")
    blobs.mkdir(parents=True)

    def blob(content, media_type):
        digest = sha256(content)
        (blobs / digest.removeprefix("sha256:")).write_bytes(content)
        return {"mediaType": f"application/vnd.oci.image.{media_type}", "digest": digest, "size": len(content)}

    packed = [blob(gzip.compress(layer, 1), "layer.v1.tar+gzip") for layer in layers]
    manifest = {"schemaVersion": 2, "config": blob(config, "config.v1+json"), "layers": packed}
    manifest = blob(json.dumps(manifest).encode(), "manifest.v1+json")
    Path(layout, "oci-layout").write_text('{"imageLayoutVersion":"1.0.0"}')
    Path(layout, "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [manifest]}))

    names = [f"{n}/layer.tar" for n in range(len(layers))]
    manifest = [{"Config": "config.json", "RepoTags": ["tree:latest"], "Layers": names}]
    files = {"manifest.json": json.dumps(manifest).encode(), "config.json": config} | dict(zip(names, layers, strict=True))
    Path(saved).write_bytes(archive(files))
