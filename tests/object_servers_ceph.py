"""A real Ceph Object Gateway on loopback: one monitor, one OSD that keeps all in memory, one gateway."""

import shutil
import subprocess
import uuid
from pathlib import Path

from tests.processes import Processes, free_port, wait_for_http

PROGRAMS = ("ceph-mon", "ceph-osd", "radosgw")
ACCESS_KEY = "tidemill-key"
SECRET_KEY = "tidemill-secret/with+signs"
_ALL = ("--cap", "mon", "allow *", "--cap", "osd", "allow *", "--cap", "mgr", "allow *")
_OSD = ("--cap", "mon", "allow profile osd", "--cap", "osd", "allow *", "--cap", "mgr", "allow profile osd")


def missing_programs() -> list[str]:
    """What is not installed of it (Debian: apt-get install ceph-mon ceph-osd radosgw)."""
    return [program for program in PROGRAMS if shutil.which(program) is None]


def start(folder: Path, processes: Processes) -> str:
    """Start it with its files in `folder`; the address of its S3 endpoint."""
    cluster, osd = str(uuid.uuid4()), str(uuid.uuid4())
    for name in ("mon", "osd", "rgw", "run", "log"):
        (folder / name).mkdir()
    monitor_port, port = free_port(), free_port()
    config, keyring = folder / "ceph.conf", folder / "keyring"
    config.write_text(_configuration(folder, cluster, monitor_port, port))

    def run(*command: str) -> None:
        subprocess.run(command, check=True, capture_output=True, stdin=subprocess.DEVNULL)

    run("ceph-authtool", "-C", str(keyring), "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
    for name, capabilities in (("client.admin", _ALL), ("client.rgw", _ALL), ("osd.0", _OSD)):
        run("ceph-authtool", str(keyring), "--gen-key", "-n", name, *capabilities)
    monitors = folder / "monmap"
    address = f"[v2:127.0.0.1:{monitor_port}]"
    run("monmaptool", "--create", "--fsid", cluster, "--addv", "a", address, str(monitors))
    options = ("-c", str(config))
    run("ceph-mon", "--mkfs", "-i", "a", "--monmap", str(monitors), *options, "--keyring", str(keyring))
    processes.start(["ceph-mon", "-f", "-i", "a", *options])
    run("ceph", *options, "osd", "new", osd, "0")
    run("ceph-osd", "-i", "0", *options, "--mkfs", "--osd-uuid", osd)  # the same id that the monitor was told
    processes.start(["ceph-osd", "-f", "-i", "0", *options])
    processes.start(["radosgw", "-f", *options, "-n", "client.rgw"])
    endpoint = f"http://127.0.0.1:{port}"
    wait_for_http(endpoint, processes)
    user = ("--uid", "tidemill", "--display-name", "Tidemill", "--access-key", ACCESS_KEY, "--secret-key", SECRET_KEY)
    run("radosgw-admin", *options, "user", "create", *user)
    return endpoint


def _configuration(folder: Path, cluster: str, monitor_port: int, port: int) -> str:
    """Small, on loopback, and in a hurry: by default every change of the map waits for a second."""
    return f"""\
[global]
fsid = {cluster}
mon host = [v2:127.0.0.1:{monitor_port}]
public addr = 127.0.0.1
cluster addr = 127.0.0.1
keyring = {folder}/keyring
run dir = {folder}/run
admin socket = {folder}/run/$name.asok
log file = {folder}/log/$name.log
pid file = {folder}/run/$name.pid
mon data = {folder}/mon
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = 8589934592
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
mon data avail crit = 1
auth allow insecure global id reclaim = false
paxos propose interval = 0.02
paxos min wait = 0.01
mon tick interval = 1
[client.rgw]
rgw data = {folder}/rgw
rgw frontends = beast endpoint=127.0.0.1:{port} tcp_nodelay=1
rgw gc max queue size = 67108864
"""
