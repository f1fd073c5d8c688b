#!/usr/bin/env bash
# hack/cluster on a machine with Docker: kind with a local registry, Strimzi, Contour. Every step can be repeated.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
repo=$(cd "$here/../.." && pwd)
cache=${ORDERPIPELINE_CACHE:-$HOME/.cache/orderpipeline}
name=orderpipeline
registry=orderpipeline-registry
registry_port=5001
strimzi=1.2.0
contour=v1.33.8
keda=2.21.0
images=(operator:operator/Dockerfile producer:services/producer/Dockerfile consumer:services/consumer/Dockerfile)

mkdir -p "$cache/kind"
export KUBECONFIG="$cache/kind/kubeconfig"
export PATH="$PATH:$cache/native/bin"
started=$SECONDS

say() { printf '%4d s  %s\n' $((SECONDS - started)) "$*" >&2; }
fail() { printf 'hack/cluster: %s\n' "$*" >&2; exit 1; }

# Tools that are not on PATH are built from Go modules, like those of the native cluster.
tools() {
    local missing=() tool
    for tool in "$@"; do command -v "$tool" >/dev/null || missing+=("$tool"); done
    [ ${#missing[@]} -eq 0 ] && return
    command -v go >/dev/null || fail "missing: ${missing[*]}; install them, or install Go 1.26 to have them built"
    say "building ${missing[*]} (a few minutes)"
    (cd "$repo" && python3 -m hack.native.build "${missing[@]}")
}

registry_up() {
    if [ "$(docker inspect -f '{{.State.Running}}' "$registry" 2>/dev/null)" != true ]; then
        docker rm --force "$registry" >/dev/null 2>&1 || true
        docker run --detach --restart=always --publish "127.0.0.1:$registry_port:5000" --name "$registry" registry:2 >/dev/null
    fi
}

registry_connect() {
    local node folder="/etc/containerd/certs.d/localhost:$registry_port"
    for node in $(kind get nodes --name "$name"); do
        docker exec "$node" mkdir -p "$folder"
        printf '[host."http://%s:5000"]\n' "$registry" | docker exec -i "$node" cp /dev/stdin "$folder/hosts.toml"
    done
    if [ "$(docker inspect -f '{{json .NetworkSettings.Networks.kind}}' "$registry")" = null ]; then
        docker network connect kind "$registry"
    fi
}

# The files contain CRDs and their objects, which are refused until the CRDs are established.
apply() {
    local attempt file arguments=()
    for file in "$@"; do arguments+=(-f "$file"); done
    for attempt in 1 2 3 4 5 6; do
        kubectl apply --server-side --force-conflicts "${arguments[@]}" >/dev/null 2>"$cache/kind/apply.log" && return
        sleep $((attempt * 2))
    done
    fail "cannot be applied: $*; $(cat "$cache/kind/apply.log")"
}

# The image's name by digest in the local registry; Docker may know others for the same image.
pinned() {
    docker inspect --format '{{range .RepoDigests}}{{println .}}{{end}}' "localhost:$registry_port/orderpipeline/$1:dev" |
        grep -m 1 "^localhost:$registry_port/" || fail "$1 is not in the local registry yet; run: hack/cluster build"
}

up() {
    tools kind kubectl helm
    say "[1/5] local registry (about 5 s)"
    registry_up
    say "[2/5] kind cluster (about 40 s, and a download of the node image the first time)"
    if ! kind get clusters 2>/dev/null | grep -qx "$name"; then
        kind create cluster --config "$here/kind-config.yaml" --wait 120s
    fi
    kind get kubeconfig --name "$name" >"$KUBECONFIG"
    chmod 600 "$KUBECONFIG"
    registry_connect
    say "[3/5] Contour $contour (about 60 s)"
    apply "$here/classes.yaml" \
        "https://raw.githubusercontent.com/projectcontour/contour/$contour/examples/render/contour-gateway.yaml"
    kubectl --namespace projectcontour create configmap contour --from-file="$repo/hack/contour.yaml" --dry-run=client \
        --output yaml >"$cache/kind/contour.yaml"
    apply "$cache/kind/contour.yaml"
    kubectl --namespace projectcontour rollout restart deployment/contour >/dev/null # it reads them at its start only
    kubectl --namespace projectcontour rollout status deployment/contour --timeout=180s >/dev/null
    kubectl --namespace projectcontour rollout status daemonset/envoy --timeout=180s >/dev/null
    say "[4/5] Strimzi $strimzi (about 60 s)"
    helm upgrade --install strimzi strimzi-kafka-operator --repo https://strimzi.io/charts/ --version "$strimzi" \
        --namespace strimzi --create-namespace --set watchAnyNamespace=true --wait --timeout 300s >/dev/null
    say "[5/5] ready"
    url
}

down() {
    tools kind
    kind delete cluster --name "$name"
    docker rm --force --volumes "$registry" >/dev/null 2>&1 || true
    rm -f "$KUBECONFIG"
}

build() {
    tools kind
    local pair image
    for pair in "${images[@]}"; do
        image=localhost/orderpipeline/${pair%%:*}:dev
        say "$image"
        docker build --quiet --tag "$image" --file "$repo/${pair#*:}" "$repo" >/dev/null
        docker tag "$image" "localhost:$registry_port/${image#localhost/}"
        docker push --quiet "localhost:$registry_port/${image#localhost/}" >/dev/null
    done
    image=localhost/orderpipeline/postgres:dev
    say "$image"
    docker build --quiet --tag "$image" "$repo/hack/postgres" >/dev/null
    load "$image"
}

# By digest in the local registry, so that a rebuilt image rolls its pods.
values() {
    local pair part image
    printf 'images:\n  registry: ""\n  pullPolicy: IfNotPresent\n'
    for pair in "${images[@]}"; do
        part=${pair%%:*}
        image=$(pinned "$part")
        printf '  %s: %s\n' "$part" "$image"
    done
}

# kind skips an image that the node has.
load() { kind load docker-image --name "$name" "$@"; }

keda() {
    tools helm
    case ${1:-} in
        up)
            helm upgrade --install keda keda --repo https://kedacore.github.io/charts --version "$keda" \
                --namespace keda --create-namespace --wait --timeout 300s >/dev/null
            ;;
        down) helm uninstall keda --namespace keda --ignore-not-found --wait ;;
        *) fail "usage: hack/cluster keda up|down" ;;
    esac
}

url() {
    echo "ingress     http://127.0.0.1:8080  https://127.0.0.1:8443"
    kubectl get ingress --all-namespaces \
        -o 'go-template={{range .items}}{{range .spec.rules}}{{if .host}}order API   http://{{.host}}:8080{{"\n"}}{{end}}{{end}}{{end}}'
    echo "kubeconfig  $KUBECONFIG"
}

status() {
    docker ps --filter "name=^$name|^$registry" --format '{{.Names}}\t{{.Status}}'
    kubectl get nodes --no-headers
}

command=$1
shift
case $command in
    up | down | build | values | url | status) "$command" ;;
    load | keda) "$command" "$@" ;;
    kubectl | helm | kubeconform) tools "$command"; exec "$command" "$@" ;;
    *) fail "unknown command $command" ;;
esac
