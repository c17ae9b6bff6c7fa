# Removes a stack's folder once its harness is gone. $1: the folder. Logs stay where a file `keep` says so.
dir=$1
while read -r _; do :; done
tries=0
while [ "$tries" -lt 300 ]; do
    set -- "$dir"/*.pid
    [ -e "$1" ] || break
    tries=$((tries + 1))
    sleep 0.1
done
if [ -e "$dir/keep" ]; then
    rm -rf -- "$dir/data"
else
    rm -rf -- "$dir"
fi
