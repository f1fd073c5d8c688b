# Shared by the scripts of this folder, which source it: a temporary folder, pinned packages, processes that end
# with the script, and the three lines that each script prints.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
work=$(mktemp -d)

finish() {
  local id live
  live=$(jobs -pr)
  for id in $live; do kill "$id" 2>/dev/null || true; done
  for id in $live; do
    for _ in $(seq 100); do kill -0 "$id" 2>/dev/null || break; sleep 0.1; done
    kill -9 "$id" 2>/dev/null || true
  done
  wait 2>/dev/null || true
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

# What is run, what most engineers would guess, and what was seen; `changed` ends the script when that differs.
version() { printf 'version:  %s\n' "$*"; }
expected() { printf 'expected: %s\n' "$*"; }
seen() { printf 'seen:     %s\n' "$*"; }
changed() { printf 'changed:  %s\n' "$*" >&2; exit 1; }

# background NAME COMMAND...: starts it, to be stopped at the end; its id is in $last. Output goes to $work/NAME.log.
background() {
  local name=$1
  shift
  "$@" >"$work/$name.log" 2>&1 </dev/null &
  last=$!
}

# stop ID [SIGNAL]: ends a process of `background` and waits for it, a minute at most.
stop() {
  kill -"${2:-TERM}" "$1"
  for _ in $(seq 600); do kill -0 "$1" 2>/dev/null || return 0; sleep 0.1; done
  kill -9 "$1"
}

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# answers PORT: waits up to three minutes until a server on loopback takes connections.
answers() {
  for _ in $(seq 900); do (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return 0; sleep 0.2; done
  tail -n 20 "$work"/*.log >&2
  changed "nothing listens on port $1 after three minutes"
}

# wheels PACKAGE==VERSION...: a virtual environment with them; $python is its interpreter.
wheels() {
  python3 -m venv "$work/venv"
  python="$work/venv/bin/python"
  "$python" -m pip install --quiet --disable-pip-version-check "$@"
}

# ask ARGUMENT...: runs the Python of standard input, ten minutes at most; it may import cluster.py. It prints what is
# seen, and exits non-zero (assert) when that differs.
ask() { cat >"$work/ask.py" && PYTHONPATH="$here" PYTHONDONTWRITEBYTECODE=1 timeout 600 "$python" "$work/ask.py" "$@"; }

# jars FOLDER GROUP:ARTIFACT:VERSION...: puts these and all they need into $work/FOLDER.
jars() {
  local folder=$1 one parts dependencies=
  shift
  for one in "$@"; do
    IFS=: read -ra parts <<<"$one"
    dependencies+="<dependency><groupId>${parts[0]}</groupId><artifactId>${parts[1]}</artifactId>"
    dependencies+="<version>${parts[2]}</version></dependency>"
  done
  mkdir -p "$work/$folder.pom"
  cat >"$work/$folder.pom/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>finding</groupId><artifactId>jars</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>$dependencies</dependencies></project>
POM
  mvn -B -q -ntp -f "$work/$folder.pom/pom.xml" dependency:copy-dependencies \
    -DoutputDirectory="$work/$folder" -DincludeScope=runtime >"$work/$folder.maven.log" 2>&1 ||
    { cat "$work/$folder.maven.log" >&2; return 1; }
}

# java_of FOLDER CLASS ARGUMENT...: runs a class of the jars in $work/FOLDER with a small heap.
java_of() {
  local folder=$1
  shift
  exec java -Xmx512m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -cp "$work/$folder/*" "$@"
}

# kafka_settings NAME: writes $work/NAME.properties for one node that is broker and controller, on free ports;
# $port is its port. Further settings follow as KEY=VALUE; a later one wins.
kafka_settings() {
  local name=$1 quorum
  shift
  port=$(free_port)
  quorum=$(free_port)
  cat >"$work/$name.properties" <<SETTINGS
process.roles=broker,controller
node.id=0
controller.quorum.voters=0@127.0.0.1:$quorum
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$quorum
advertised.listeners=PLAINTEXT://127.0.0.1:$port
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$work/$name.data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=4194304
SETTINGS
  [ $# = 0 ] || printf '%s\n' "$@" >>"$work/$name.properties"
}

# kafka_format FOLDER NAME ARGUMENT...: formats the data folder of $work/NAME.properties.
kafka_format() {
  local folder=$1 name=$2
  shift 2
  (java_of "$folder" kafka.tools.StorageTool format -t "$(printf 'finding-cluster!' | base64 | tr -d =)" \
    -c "$work/$name.properties" "$@") >"$work/$name.format.log" 2>&1 || { cat "$work/$name.format.log" >&2; return 1; }
}

# kafka VERSION [SETTING=VALUE...]: a running one-node Kafka at 127.0.0.1:$port, process $last, jars in kafka-VERSION.
kafka() {
  local release=$1
  shift
  [ -d "$work/kafka-$release" ] || jars "kafka-$release" "org.apache.kafka:kafka_2.13:$release"
  kafka_settings node "$@"
  kafka_format "kafka-$release" node
  background node java_of "kafka-$release" kafka.Kafka "$work/node.properties"
  answers "$port"
}

# postgres_programs: the folder of the installed PostgreSQL server is $programs.
postgres_programs() {
  local one
  programs=
  for one in /usr/lib/postgresql/*/bin "$(pg_config --bindir 2>/dev/null || true)"; do
    if [ -z "$programs" ] && [ -x "$one/initdb" ]; then programs=$one; fi
  done
  [ -n "$programs" ] || changed 'needs the PostgreSQL server (initdb, postgres), which is not installed'
}

# postgres SETTING=VALUE...: a running PostgreSQL of $programs at 127.0.0.1:$port, process $last, superuser shop.
postgres() {
  local one as=() settings=(-c fsync=off)
  for one; do settings+=(-c "$one"); done
  if [ "$(id -u)" = 0 ]; then as=(setpriv --reuid=postgres --regid=postgres --clear-groups); fi # it refuses root
  port=$(free_port)
  mkdir "$work/postgres"
  chmod 711 "$work"
  [ "${#as[@]}" = 0 ] || chown postgres: "$work/postgres"
  cd "$work/postgres"
  "${as[@]}" "$programs/initdb" --pgdata data --auth trust --username shop >"$work/initdb.log"
  background postgres "${as[@]}" "$programs/postgres" -D data -p "$port" -h 127.0.0.1 -k "$work/postgres" "${settings[@]}"
  answers "$port"
}

# go_kubernetes VERSION FOLDER: makes FOLDER a Go module that can import Kubernetes' own packages. Kubernetes replaces
# its staging modules by local folders; here they are replaced by the published ones.
go_kubernetes() {
  local release=$1 folder=$2 source one
  go mod download "k8s.io/kubernetes@v$release"
  source="$(go env GOMODCACHE)/k8s.io/kubernetes@v$release/go.mod"
  mkdir -p "$folder"
  {
    printf 'module finding\n\ngo 1.26.0\n\nrequire k8s.io/kubernetes v%s\n\nreplace (\n' "$release"
    sed -n 's#^\tk8s.io/\([a-z-]*\) => ./staging.*#\1#p' "$source" |
      while read -r one; do printf '\tk8s.io/%s => k8s.io/%s v0.%s\n' "$one" "$one" "${release#1.}"; done
    printf ')\n'
  } >"$folder/go.mod"
}

# go_program FOLDER PACKAGE PROGRAM: builds it; the log is shown only when that fails.
go_program() {
  (cd "$1" && go mod tidy && go build -mod=mod -o "$3" "$2") >"$work/build.log" 2>&1 ||
    { tail -n 30 "$work/build.log" >&2; return 1; }
}

# hpa_lab: builds Kubernetes' HPA controller with the scene that stands on standard input (Go); runs it.
hpa_lab() {
  go_kubernetes 1.37.2 "$work/hpa"
  cp "$here/hpa.go" "$work/hpa/hpa.go"
  cat >"$work/hpa/scene.go"
  go_program "$work/hpa" . "$work/hpa-lab"
  timeout 300 "$work/hpa-lab" 2>"$work/hpa.log" || { tail -n 5 "$work/hpa.log" >&2; return 1; }
}

# keda_lag: builds KEDA's Kafka scalers, without the sixty others beside them, as $work/keda-lag.
keda_lag() {
  local source
  go mod download github.com/kedacore/keda/v2@v2.21.0
  source="$(go env GOMODCACHE)/github.com/kedacore/keda/v2@v2.21.0"
  cp -r "$source" "$work/keda"
  chmod -R u+w "$work/keda"
  rm "$work/keda/pkg/scalers/"*.go
  cp "$source/pkg/scalers/"{scaler,kafka_scaler,apache_kafka_scaler}.go "$work/keda/pkg/scalers/"
  mkdir "$work/keda/finding"
  cp "$here/keda.go" "$work/keda/finding/main.go"
  (cd "$work/keda" && go build -mod=mod -trimpath -o "$work/keda-lag" ./finding) >"$work/build.log" 2>&1 ||
    { tail -n 30 "$work/build.log" >&2; return 1; }
}

# mirror NAME PROPERTY=VALUE...: a running MirrorMaker 2 (dedicated) that copies topics orders.* from cluster a to
# cluster b, as a.orders.*; both are the one node at $port. Its process is $last, its log $work/NAME.log.
mirror() {
  local name=$1 replication
  shift
  {
    printf '%s\n' clusters=a,b "a.bootstrap.servers=127.0.0.1:$port" "b.bootstrap.servers=127.0.0.1:$port" \
      'a->b.enabled=true' 'b->a.enabled=false' 'a->b.topics=orders.*' 'a->b.emit.checkpoints.enabled=false' \
      b.offset.storage.partitions=1 b.status.storage.partitions=1 b.offset.flush.interval.ms=2000
    for replication in replication offset-syncs.topic.replication heartbeats.topic.replication \
      checkpoints.topic.replication config.storage.replication offset.storage.replication status.storage.replication; do
      printf '%s.factor=1\n' "$replication"
    done
    printf '%s\n' "$@"
  } >"$work/$name.properties"
  background "$name" java_of kafka-4.3.1 org.apache.kafka.connect.mirror.MirrorMaker "$work/$name.properties"
}

# mirror_jars: Kafka 4.3.1 with MirrorMaker 2 and a logger, for `kafka` and `mirror`.
mirror_jars() {
  jars kafka-4.3.1 org.apache.kafka:kafka_2.13:4.3.1 org.apache.kafka:connect-mirror:4.3.1 \
    org.apache.kafka:connect-runtime:4.3.1 org.slf4j:slf4j-simple:1.7.36
}
