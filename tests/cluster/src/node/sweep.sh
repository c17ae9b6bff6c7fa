# Ends what is left of a node and removes its traces outside its folder. $1: the folder. Its servers are dead by now, or die
# here.
dir=$1
namespace=stockpipe
[ "$(cat /run/netns/$namespace.owner 2>/dev/null)" = "$dir" ] || exit 0

# A container outlives its daemon. Its first process is known by number; its cgroup, named after the container, tells it
# from a stranger.
for task in "$dir"/data/containerd/state/io.containerd.runtime.v2.task/k8s.io/*/; do
    [ -e "$task/init.pid" ] || continue
    pid=$(cat "$task/init.pid")
    grep -q "$(basename "$task")" "/proc/$pid/cgroup" 2>/dev/null && kill -KILL "$pid" 2>/dev/null
done
# Whoever is in the namespace belongs to the node: daemons and the shims above containers.
tries=0
while [ "$tries" -lt 100 ]; do
    left=$(ip netns pids $namespace 2>/dev/null)
    [ -n "$left" ] || break
    # shellcheck disable=SC2086 # a list of numbers
    kill -KILL $left 2>/dev/null
    tries=$((tries + 1))
    sleep 0.1
done
tries=0
while [ "$tries" -lt 20 ]; do
    mounts=$(awk '{print $2}' /proc/mounts | grep "^$dir/" | sort -r)
    [ -n "$mounts" ] || break
    for mount in $mounts; do umount "$mount" 2>/dev/null || umount -l "$mount" 2>/dev/null; done
    tries=$((tries + 1))
done
# The wire goes by name, and its route with it: with the namespace it would go when the kernel gets to it.
ip link delete ${namespace}0 2>/dev/null || true
ip netns delete $namespace
rm -f /run/netns/$namespace.owner
# Only empty groups can be removed.
for root in /sys/fs/cgroup/stockpipe-node /sys/fs/cgroup/*/stockpipe-node; do
    [ -d "$root" ] || continue
    find "$root" -depth -type d -exec rmdir {} + 2>/dev/null
done
exit 0
