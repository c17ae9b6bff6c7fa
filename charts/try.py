"""Starts the servers of the development charts as their charts say, without a cluster.

    charts/try.py HELM KAFKA_JARS HDFS_JARS CASSANDRA_JARS [-- COMMAND...]     needs root and PyYAML

Each pod becomes processes in a root of its own: the files of its ConfigMap at /config, a folder at /data, the rest of this
machine read-only, the pod's user, no network but a loopback that all share, on which the Services' names stand. Only
`classpath` differs from what a cluster would run. When every server listens, COMMAND runs beside them and its exit code is
ours; without one, the servers are stopped and started again on their volumes, as after a restart of their pods.
"""

import ctypes
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

import yaml

NAMESPACE = "stocks"
CHARTS = pathlib.Path(__file__).resolve().parent
READY_SECONDS = 120
CLONE_NEWNS, CLONE_NEWNET = 0x00020000, 0x40000000
# What the pods' image would hold: programs and libraries of this machine.
SEEN = ["/usr", "/lib", "/lib64", "/bin", "/sbin", "/etc", "/proc", "/dev", "/sys"]


def run(*command):
    subprocess.run(command, check=True)


def render(helm, chart, jars):
    command = [helm, "template", chart, str(CHARTS / chart), "--namespace", NAMESPACE]
    values = {"classpath": jars}
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(values, file)
        file.flush()
        text = subprocess.run([*command, "-f", file.name], check=True, stdout=subprocess.PIPE, text=True).stdout
    return [document for document in yaml.safe_load_all(text) if document]


class Pod:
    """One pod of a StatefulSet, as processes."""

    def __init__(self, work, objects, workload, jars):
        self.name = workload["metadata"]["name"]
        self.spec = workload["spec"]["template"]["spec"]
        self.uid = self.spec["securityContext"]["runAsUser"]
        self.log = work / f"{self.name}.log"
        self.root = work / self.name
        self.jars = sorted({str(pathlib.Path(jar).parents[0]) for jar in jars.split(":")})
        self.process = None
        self.maps = {o["metadata"]["name"]: o["data"] for o in objects if o["kind"] == "ConfigMap"}
        self.data = work / f"{self.name}-data"
        self.data.mkdir()
        os.chown(self.data, self.uid, self.uid)

    def build(self, hosts):
        """The pod's root: made in our own mount namespace, so that it goes with us."""
        self.root.mkdir()
        run("mount", "-t", "tmpfs", "tmpfs", str(self.root))
        for path in SEEN:
            if os.path.islink(path):
                os.symlink(os.readlink(path), str(self.root) + path)
                continue
            self.bind(path, path)
        # The jars last: they may lie below what was bound already.
        common = os.path.commonpath(self.jars)
        self.bind(common, common)
        passwd = self.root.parent / f"{self.name}-passwd"
        passwd.write_text(f"root:x:0:0::/:/bin/false\nserver:x:{self.uid}:{self.uid}::/tmp:/bin/false\n")
        for source, target in ((passwd, "/etc/passwd"), (hosts, "/etc/hosts")):
            run("mount", "--bind", str(source), str(self.root) + target)
        self.volumes()
        run("mount", "-o", "remount,ro", str(self.root))

    def bind(self, source, target):
        place = pathlib.Path(str(self.root) + target)
        place.mkdir(parents=True, exist_ok=True)
        run("mount", "--rbind", source, str(place))

    def volumes(self):
        kinds = {volume["name"]: volume for volume in self.spec["volumes"]}
        mounts = {m["mountPath"]: m for c in self.containers("containers") for m in c["volumeMounts"]}
        for path, mount in mounts.items():
            volume = kinds.get(mount["name"], {})
            if "configMap" in volume:
                place = self.root.parent / f"{self.name}-config"
                place.mkdir()
                for name, text in self.maps[volume["configMap"]["name"]].items():
                    (place / name).write_text(text)
            elif "emptyDir" in volume:
                place = self.root.parent / f"{self.name}{path.replace('/', '-')}"
                place.mkdir()
                os.chown(place, self.uid, self.uid)
            else:
                place = self.data
            self.bind(str(place), path)

    def containers(self, kind):
        return self.spec.get(kind, [])

    def command(self, container):
        words = [*container["command"], *container["args"]]
        environment = ["env", "-i", "PATH=/usr/local/bin:/usr/bin:/bin", "HOME=/tmp"]
        return ["chroot", f"--userspec={self.uid}:{self.uid}", str(self.root), *environment, *words]

    def prepare(self):
        """Init containers, in order; each is tried again, as kubelet does."""
        for container in self.containers("initContainers"):
            deadline = time.monotonic() + READY_SECONDS
            with open(self.log, "ab") as log:
                while subprocess.run(self.command(container), stdout=log, stderr=log).returncode != 0:
                    if time.monotonic() > deadline:
                        raise SystemExit(f"{self.name}: {container['name']} fails\n{self.tail()}")
                    time.sleep(1)

    def start(self):
        self.prepare()
        [container] = self.containers("containers")
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(self.command(container), stdout=log, stderr=log)

    def ports(self):
        [container] = self.containers("containers")
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        return [ports[container["readinessProbe"]["tcpSocket"]["port"]]]

    def wait(self):
        deadline = time.monotonic() + READY_SECONDS
        for port in self.ports():
            while True:
                if self.process.poll() is not None:
                    raise SystemExit(f"{self.name} ended with {self.process.returncode}\n{self.tail()}")
                try:
                    socket.create_connection(("127.0.0.1", port), timeout=1).close()
                    break
                except OSError:
                    if time.monotonic() > deadline:
                        raise SystemExit(f"{self.name} does not listen at {port}\n{self.tail()}") from None
                    time.sleep(0.2)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(self.spec["terminationGracePeriodSeconds"])
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise SystemExit(f"{self.name} does not end on SIGTERM\n{self.tail()}") from None

    def tail(self):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-25:])


def namespaces():
    """A network and mounts of our own, which end with this process."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS | CLONE_NEWNET) != 0:
        raise SystemExit(f"no namespace of our own: {os.strerror(ctypes.get_errno())}; this needs root")
    run("mount", "--make-rprivate", "/")
    run("ip", "link", "set", "lo", "up")


def main():
    arguments, _, command = " ".join(sys.argv[1:]).partition(" -- ")
    try:
        helm, *jars = arguments.split()
        charts = dict(zip(("kafka", "hdfs", "cassandra"), jars, strict=True))
    except ValueError:
        raise SystemExit(__doc__) from None
    namespaces()
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        work.chmod(0o755)
        pods, names = [], ["localhost"]
        for chart, class_path in charts.items():
            objects = render(helm, chart, class_path)
            services = [o["metadata"]["name"] for o in objects if o["kind"] == "Service"]
            names += services + [f"{name}.{NAMESPACE}.svc" for name in services]
            sets = [o for o in objects if o["kind"] == "StatefulSet"]
            # The NameNode first: nothing else needs an order.
            pods += [Pod(work, objects, one, class_path) for one in sorted(sets, key=lambda o: o["metadata"]["name"] != "namenode")]
        hosts = work / "hosts"
        hosts.write_text(f"127.0.0.1 {' '.join(names)} {socket.gethostname()}\n")
        run("mount", "--bind", str(hosts), "/etc/hosts")
        code = 0
        try:
            for pod in pods:
                pod.build(hosts)
            for life in range(1 if command else 2):
                for pod in pods:
                    pod.start()
                    print(f"ok {pod.name} started, life {life + 1}", flush=True)
                for pod in pods:
                    pod.wait()
                    print(f"ok {pod.name} listens, life {life + 1}", flush=True)
                if command:
                    code = subprocess.run(["bash", "-c", command], check=False).returncode
                for pod in reversed(pods):
                    pod.stop()
                    print(f"ok {pod.name} ended by itself, life {life + 1}", flush=True)
        finally:
            for pod in pods:
                if pod.process is not None and pod.process.poll() is None:
                    pod.process.kill()
                    pod.process.wait()
            run("umount", "/etc/hosts")
            for pod in reversed(pods):
                subprocess.run(["umount", "-R", str(pod.root)], check=False)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
