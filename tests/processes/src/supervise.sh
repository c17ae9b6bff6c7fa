# One server, one watcher. $1: where its pid is written, $2: `parent` or `alone`, the rest: the server's command.
#
# With `parent` the server dies when standard input ends: the harness holds the other end and nothing else does, so this
# happens however the harness ends. With `alone` it lives on.
pidfile=$1 mode=$2
shift 2
exec 3<&0 </dev/null
"$@" 3<&- &
server=$!
echo "$server" >"$pidfile.new"
mv "$pidfile.new" "$pidfile"
if [ "$mode" = parent ]; then
    (
        while read -r _ <&3; do :; done
        kill -KILL "$server"
    ) 2>/dev/null &
    watcher=$!
fi
exec 3<&-
wait "$server"
code=$?
[ "$mode" = parent ] && kill -KILL "$watcher" 2>/dev/null
# Not the file of a later life, should one have begun meanwhile.
[ "$(cat "$pidfile" 2>/dev/null)" = "$server" ] && rm -f "$pidfile"
exit "$code"
