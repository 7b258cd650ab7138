"""Kernels of distributions, fetched and unpacked without installing them: no boot loader, no initramfs, no hooks."""

import hashlib
import pathlib
import re
import shutil
import subprocess
import tempfile
import urllib.request

import places
from running import CheckError

# A kernel of Ubuntu 22.04 and its modules, with the sums of both packages.
UBUNTU = "http://archive.ubuntu.com/ubuntu/pool/main/l/linux"
UBUNTU_5_15 = {
    "linux-image-unsigned-5.15.0-91-generic_5.15.0-91.101_amd64.deb": "1a1d076a0736f6ffc2792cc83c40bd82001990a6a9c7af8f832bc0baca09e3be",
    "linux-modules-5.15.0-91-generic_5.15.0-91.101_amd64.deb": "bba5cbbbd1be846856bf3aa0214abd2d8bf171778c5d027c6e3d70ac346ce60b",
}
# A kernel of Debian's backports, and the sum of its package.
DEBIAN_6_18 = {
    "linux-image-6.18.15+deb13-cloud-amd64_6.18.15-1~bpo13+1_amd64.deb": "5a507681ea8c978d02265a7fec2f02c9588fb48b54b7f71edc1059e86007f3ec",
}


def debian():
    """The directory that holds boot/ and lib/modules/ of Debian's kernel for virtual machines."""
    def download(place):
        shown = subprocess.run(["apt-cache", "depends", "linux-image-cloud-amd64"], check=False, stdout=subprocess.PIPE,
                               stderr=subprocess.DEVNULL, text=True).stdout
        package = re.search(r"^ *Depends: (linux-image-[0-9]\S*)", shown, re.MULTILINE)
        if not package:
            raise CheckError("apt knows no linux-image-cloud-amd64: run `apt-get update`")
        subprocess.run(["apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", package[1]], cwd=place, check=True,
                       stdout=subprocess.DEVNULL)
    return unpacked("kernel-debian", download)


def ubuntu_5_15():
    """The same of Ubuntu's kernel 5.15."""
    return unpacked("kernel-ubuntu-5.15", lambda place: download_pinned(UBUNTU, UBUNTU_5_15, place))


def debian_6_18():
    """The same of Debian's kernel 6.18 for virtual machines."""
    pool = "pool/main/l/linux-signed-amd64"
    return unpacked("kernel-debian-6.18", lambda place: download_pinned(f"{mirror()}/{pool}", DEBIAN_6_18, place))


def mirror():
    """The address from which apt has Debian's packages."""
    shown = subprocess.run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Origin: Debian", "Label: Debian"], check=False,
                           stdout=subprocess.PIPE, text=True).stdout.split()
    if not shown:
        raise CheckError("apt knows no mirror of Debian: run `apt-get update`")
    return shown[0].rstrip("/")


def download_pinned(mirror, packages, place):
    """Fetches packages of which the sums are known."""
    for name, expected in packages.items():
        content = urllib.request.urlopen(f"{mirror}/{name}", timeout=120).read()
        if hashlib.sha256(content).hexdigest() != expected:
            raise CheckError(f"what came from {mirror}/{name} is not what it was")
        pathlib.Path(place, name).write_bytes(content)


def unpacked(name, download):
    directory = places.cache(name)
    if not (directory / "complete").exists():
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        with tempfile.TemporaryDirectory() as place:
            download(place)
            for package in pathlib.Path(place).glob("*.deb"):
                subprocess.run(["dpkg-deb", "-x", package, directory], check=True)
        (directory / "complete").touch()
    return directory


KERNELS = {"debian": debian, "ubuntu-5.15": ubuntu_5_15, "debian-6.18": debian_6_18}
