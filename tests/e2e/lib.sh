# What every step uses. A step says what it expects; what was seen is printed where it does not come.
# shellcheck shell=bash

pass=0 fail=0
namespace=stocks
started=$SECONDS

say() { printf '== %s (at %d s)\n' "$*" $((SECONDS - started)); }
ok() { pass=$((pass + 1)); }
bad() {
    fail=$((fail + 1))
    printf 'not ok: %s\n' "$*"
}

# k ARGUMENTS...: kubectl in the namespace of the test
k() { kubectl --namespace "$namespace" "$@"; }

# until_true WHAT SECONDS COMMAND...: tries until the command succeeds; the end of all, where it does not in time
until_true() {
    local what=$1 end=$((SECONDS + $2)) seen
    shift 2
    until seen=$("$@" 2>&1); do
        if [ "$SECONDS" -ge "$end" ]; then
            bad "$what: not within its time; seen last: $seen"
            exit 1
        fi
        sleep 1
    done
    ok
}

# expect WHAT COMMAND...: one try
expect() {
    local what=$1 seen
    shift
    if seen=$("$@" 2>&1); then ok; else bad "$what: $seen"; fi
}

# same WHAT WANTED FOUND
same() {
    if [ "$2" = "$3" ]; then ok; else bad "$1: wanted '$2', found '$3'"; fi
}

# contains TEXT COMMAND...: what the command prints has the text
contains() {
    local text=$1 printed
    shift
    printed=$("$@" 2>&1) || {
        echo "$printed"
        return 1
    }
    case $printed in
        *"$text"*) ;;
        *)
            echo "$printed"
            return 1
            ;;
    esac
}

# refused TEXT COMMAND...: the command fails and says the text
refused() {
    local text=$1 printed
    shift
    if printed=$("$@" 2>&1); then
        echo "taken: $printed"
        return 1
    fi
    case $printed in *"$text"*) ;; *) echo "$printed" && return 1 ;; esac
}

# nothing COMMAND...: the command succeeds and prints nothing
nothing() {
    local printed
    printed=$("$@" 2>&1) && [ -z "${printed##No resources found*}" ] || {
        echo "$printed"
        return 1
    }
}

# lines N COMMAND...: at least N lines
lines() {
    local least=$1 printed
    shift
    printed=$("$@" 2>&1) || {
        echo "$printed"
        return 1
    }
    [ "$(wc -l <<<"$printed")" -ge "$least" ] || {
        echo "$printed"
        return 1
    }
}

# stockpipe COMMAND ARGUMENTS...: the worker's own program, in a pod of ingest
stockpipe() {
    local command=$1
    shift
    k exec deployment/market-ingest -c stockpipe -- stockpipe "$command" --file /etc/stockpipe/manifest/pipeline.yaml --no-env "$@"
}

# field KIND NAME JSONPATH
field() { k get "$1" "$2" -o "jsonpath=$3"; }

# uids COMPONENT: of the pods of a role that are not ending
uids() {
    k get pods -l "app.kubernetes.io/instance=market,app.kubernetes.io/component=$1" \
        -o 'go-template={{range .items}}{{if not .metadata.deletionTimestamp}}{{.metadata.uid}}{{"\n"}}{{end}}{{end}}' | sort
}

# ready: the pipeline as it is now asked for runs as a whole
ready() {
    local generation seen
    generation=$(field stockpipeline market '{.metadata.generation}')
    seen=$(field stockpipeline market '{range .status.conditions[?(@.type=="Ready")]}{.status} {.observedGeneration} {.reason}: {.message}{end}')
    case $seen in
        "True $generation "*) ;;
        *)
            echo "generation $generation, Ready is $seen"
            return 1
            ;;
    esac
}

# rolled ROLE OLD_UIDS: a role has other pods than before, all of them ready
rolled() {
    local now
    now=$(uids "$1")
    # Without the old pods' names nobody could tell them from new ones.
    if [ -z "$now" ] || [ -z "$2" ] || grep -qxFf <(echo "$2") <<<"$now"; then
        echo "$1 still has its old pods: $now"
        return 1
    fi
    ready
}

# whole: every record of the log is in the lake once, and every final row in Cassandra is what the lake's ticks give
whole() { stockpipe fsck && stockpipe replay; }
