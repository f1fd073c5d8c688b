"""The Go projects that the cluster's binaries are built from: pinned modules, packages, flags."""

from dataclasses import dataclass, field
from typing import Final

KUBERNETES: Final = "v1.36.3"
STAGING: Final = "v0.36.3"


@dataclass(frozen=True)
class Project:
    """A Go module, generated for the build, that requires published modules and builds their commands."""

    name: str
    requires: tuple[str, ...]
    """`module@version` each."""
    packages: dict[str, str]
    """Binary's name -> package; `.` is `source`, our own main package."""
    seconds: int
    """Typical time of a cold build on two cores, for estimates."""
    ldflags: str = "-s -w"
    tags: str = ""
    source: str = ""
    files: dict[str, str] = field(default_factory=dict)
    """File's name in `Paths.share` -> `module:path` from which it is copied, at the version that is built."""
    replace_staging: bool = False
    """Kubernetes replaces its staging modules with local folders; point them at the published ones."""


_VERSION = "k8s.io/component-base/version"
_KUBERNETES_FLAGS = (
    f"-s -w -X {_VERSION}.gitVersion={KUBERNETES} -X k8s.io/client-go/pkg/version.gitVersion={KUBERNETES}"
    f" -X {_VERSION}.gitMajor=1 -X {_VERSION}.gitMinor=36"
)
_CONTAINERD = "github.com/containerd/containerd/v2"
_KEDA = "github.com/kedacore/keda/v2"
_PROMETHEUS_OPERATOR = "github.com/prometheus-operator/prometheus-operator"
_KEDA_CRDS = (
    "keda.sh_scaledobjects",
    "keda.sh_scaledjobs",
    "keda.sh_triggerauthentications",
    "keda.sh_clustertriggerauthentications",
    "eventing.keda.sh_cloudeventsources",
    "eventing.keda.sh_clustercloudeventsources",
)

# etcd's own command is in a module that cannot be required; all it does is call this package.
_ETCD_MAIN = """package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
"""

# The process that holds a pod's namespaces: reaps orphans and exits on a signal.
_PAUSE_MAIN = """package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	for s := range signals {
		if s != syscall.SIGCHLD {
			return
		}
		for {
			if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
				break
			}
		}
	}
}
"""

# What tools that wait make of objects, given as a JSON array: a line each of kstatus's verdict and message or, with the
# file of a Lua script as argument, of Argo CD's.
_HEALTH_MAIN = """package main

import (
	"encoding/json"
	"fmt"
	"os"

	lua "github.com/yuin/gopher-lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	kjson "k8s.io/apimachinery/pkg/util/json"
	"github.com/fluxcd/cli-utils/pkg/kstatus/status"
)

func main() {
	var objects []json.RawMessage
	check(json.NewDecoder(os.Stdin).Decode(&objects))
	for _, raw := range objects {
		var object map[string]any
		check(kjson.Unmarshal(raw, &object))
		if len(os.Args) > 1 {
			argo(os.Args[1], object)
			continue
		}
		result, err := status.Compute(&unstructured.Unstructured{Object: runtime.DeepCopyJSON(object)})
		check(err)
		fmt.Println(result.Status, result.Message)
	}
}

func argo(script string, object map[string]any) {
	state := lua.NewState()
	defer state.Close()
	state.SetGlobal("obj", value(state, object))
	check(state.DoFile(script))
	health := state.Get(-1).(*lua.LTable)
	fmt.Println(health.RawGetString("status"), health.RawGetString("message"))
}

func value(state *lua.LState, of any) lua.LValue {
	switch of := of.(type) {
	case map[string]any:
		table := state.NewTable()
		for key, entry := range of {
			table.RawSetString(key, value(state, entry))
		}
		return table
	case []any:
		table := state.NewTable()
		for _, entry := range of {
			table.Append(value(state, entry))
		}
		return table
	case string:
		return lua.LString(of)
	case bool:
		return lua.LBool(of)
	case int64:
		return lua.LNumber(of)
	case float64:
		return lua.LNumber(of)
	}
	return lua.LNil
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
"""

PROJECTS: Final = (
    Project("etcd", ("go.etcd.io/etcd/server/v3@v3.6.5",), {"etcd": "."}, 40, source=_ETCD_MAIN),
    Project(
        "kubernetes",
        (f"k8s.io/kubernetes@{KUBERNETES}",),
        {
            name: f"k8s.io/kubernetes/cmd/{name}"
            for name in (
                "kube-apiserver",
                "kubectl",
                "kube-controller-manager",
                "kube-scheduler",
                "kubelet",
                "kube-proxy",
            )
        },
        420,
        ldflags=_KUBERNETES_FLAGS,
        replace_staging=True,
    ),
    Project(
        "containerd",
        (f"{_CONTAINERD}@v2.4.2",),
        {name: f"{_CONTAINERD}/cmd/{name}" for name in ("containerd", "containerd-shim-runc-v2", "ctr")},
        90,
        tags="no_btrfs,no_zfs",
    ),
    Project("pause", (), {"pause": "."}, 2, source=_PAUSE_MAIN),
    Project("coredns", ("github.com/coredns/coredns@v1.15.0",), {"coredns": "github.com/coredns/coredns"}, 120),
    Project(
        "contour",
        ("github.com/projectcontour/contour@v1.33.8",),
        {"contour": "github.com/projectcontour/contour/cmd/contour"},
        90,
        files={
            "contour-crds.yaml": "github.com/projectcontour/contour:examples/contour/01-crds.yaml",
            "gateway-crds.yaml": "github.com/projectcontour/contour:examples/gateway/00-crds.yaml",
        },
    ),
    Project(
        "keda",
        (f"{_KEDA}@v2.21.0",),
        {"keda": f"{_KEDA}/cmd/operator", "keda-adapter": f"{_KEDA}/cmd/adapter"},
        360,
        files={f"keda-{name}.yaml": f"{_KEDA}:config/crd/bases/{name}.yaml" for name in _KEDA_CRDS},
    ),
    Project(
        "prometheus-operator",
        (f"{_PROMETHEUS_OPERATOR}@v0.93.0",),
        {},  # none of its programs: only what it adds to the API
        0,
        files={
            f"prometheus-operator-{name}.yaml": f"{_PROMETHEUS_OPERATOR}:example/prometheus-operator-crd/"
            f"monitoring.coreos.com_{name}.yaml"
            for name in ("podmonitors", "prometheusrules")
        },
    ),
    Project("helm", ("helm.sh/helm/v3@v3.22.0",), {"helm": "helm.sh/helm/v3/cmd/helm"}, 60),
    Project("helm4", ("helm.sh/helm/v4@v4.3.2",), {"helm4": "helm.sh/helm/v4/cmd/helm"}, 120),
    Project(
        "health",
        ("github.com/fluxcd/cli-utils@v1.2.2", "github.com/yuin/gopher-lua@v1.1.2"),
        {"health": "."},
        40,
        source=_HEALTH_MAIN,
    ),
    Project("kind", ("sigs.k8s.io/kind@v0.33.0",), {"kind": "sigs.k8s.io/kind"}, 10),
    Project(
        "kubeconform",
        ("github.com/yannh/kubeconform@v0.8.0",),
        {"kubeconform": "github.com/yannh/kubeconform/cmd/kubeconform"},
        10,
    ),
)


def project_of(binary: str) -> Project:
    """The project that builds `binary`."""
    for project in PROJECTS:
        if binary in project.packages:
            return project
    raise KeyError(f"{binary}: no project builds it")
