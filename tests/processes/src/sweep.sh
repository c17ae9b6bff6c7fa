# Tidies up once the harness is gone. $1: a stack's folder, which is removed; its logs stay where a file `keep` says so.
# $2: a script that runs between the end of the servers and that, with the folder as its $1; empty for none.
dir=$1 first=$2
while read -r _; do :; done
tries=0
while [ "$tries" -lt 300 ]; do
    set -- "$dir"/*.pid
    [ -e "$1" ] || break
    tries=$((tries + 1))
    sleep 0.1
done
[ -z "$first" ] || sh -c "$first" sweep "$dir"
if [ -e "$dir/keep" ]; then
    rm -rf -- "$dir/data"
else
    rm -rf -- "$dir"
fi
