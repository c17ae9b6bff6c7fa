package main

import (
	"os"
	"strings"
	"testing"
)

// A broken rule is noticed: each line of the table breaks one thing in a rendering that is right.
func TestBrokenRenderings(t *testing.T) {
	right, err := os.ReadFile("testdata/right.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if wrong := check(right); len(wrong) > 0 {
		t.Fatalf("the right one is refused: %v", wrong)
	}
	for _, broken := range []struct{ from, to, says string }{
		{"replicas: 1", "replicsa: 1", "unknown field"},
		{"replicas: 1", "replicas: 1\n  replicas: 2", "already set"},
		{"kind: Deployment", "kind: Deploiment", "no kind"},
		{"matchLabels: {app: a}", "matchLabels: {app: b}", "does not select its own pods"},
		{"enableServiceLinks: false", "enableServiceLinks: true", "enableServiceLinks"},
		{"automountServiceAccountToken: false", "automountServiceAccountToken: true", "token"},
		{"runAsUser: 1000", "runAsUser: 0", "root"},
		{"type: RuntimeDefault", "type: Unconfined", "seccomp"},
		{"drop: [ALL]", "drop: [NET_RAW]", "not confined"},
		{"limits: {memory: 1Gi}", "limits: {cpu: 1}", "no memory limit"},
		{"livenessProbe:", "startupProbe:", "a probe is missing"},
		{"- {name: config, mountPath: /config}", "- {name: gone, mountPath: /config}", "not a volume"},
		{"configMap: {name: a}", "configMap: {name: b}", "not of this chart"},
		{"targetPort: web", "targetPort: wbe", "no container has the port"},
		{"selector: {app: a}", "selector: {app: c}", "selects no pod"},
		{"name: reader}", "name: writer}", "which is not there"},
		{"verbs: [get]", "verbs: [get, list]", "only get is needed"},
		{"verbs: [get]", "verbs: ['*']", "by a star"},
		{"resource-policy: keep", "resource-policy: kept", "would go with its release"},
	} {
		text := strings.Replace(string(right), broken.from, broken.to, 1)
		if text == string(right) {
			t.Errorf("%q is not in the rendering", broken.from)
			continue
		}
		if wrong := strings.Join(check([]byte(text)), "; "); !strings.Contains(wrong, broken.says) {
			t.Errorf("%q: said %q, not %q", broken.to, wrong, broken.says)
		}
	}
}

func TestConfig(t *testing.T) {
	for text, says := range map[string]string{
		"kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes:\n  - role: control-plane\n": "",
		"kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes:\n  - rloe: control-plane\n": "not found",
		"kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\nnodes:\n  - role: master\n":        "nodes[0].role",
		"kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha3\n":                                  "v1alpha4",
		"kind: Cluster\napiVersion: kind.x-k8s.io/v1alpha4\n---\nkind: Cluster\n":              "more than one",
	} {
		err := checkConfig([]byte(text))
		if says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("%q: %v, not %q", text, err, says)
		}
	}
}
