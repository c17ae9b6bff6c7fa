package main

import (
	"strings"
	"testing"
)

const rendering = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: operator, namespace: own}
spec:
  selector: {matchLabels: {app: a}}
  template:
    metadata: {labels: {app: a}}
    spec: {serviceAccountName: operator, containers: [{name: a, image: a}]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: pods, namespace: watched}
rules: [{apiGroups: [""], resources: [pods, services], verbs: [get, list]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: pods, namespace: watched}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: pods}
subjects: [{kind: ServiceAccount, name: operator, namespace: own}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: nodes}
rules: [{apiGroups: [""], resources: [nodes], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: nodes}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: nodes}
subjects: [{kind: ServiceAccount, name: operator, namespace: own}]
---
# Bound to nobody here: not the operator's.
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: people}
rules: [{apiGroups: [""], resources: [secrets], verbs: [get]}]
`

// The same in other words: one role more, other names.
const printed = `
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: a, namespace: watched}
rules:
  - {apiGroups: [""], resources: [services], verbs: [get, list]}
  - {apiGroups: [""], resources: [pods], verbs: [list]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: b, namespace: watched}
rules: [{apiGroups: [""], resources: [pods], verbs: [get]}]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: c}
rules: [{apiGroups: [""], resources: [nodes], verbs: [get]}]
`

func TestPermissions(t *testing.T) {
	if wrong := permissions([]byte(rendering), []byte(printed)); len(wrong) > 0 {
		t.Fatalf("the right ones are refused: %v", wrong)
	}
	for _, broken := range []struct{ from, to, says string }{
		{"[pods, services]", "[pods]", "asked for and not granted: watched: get services"},
		{"[pods, services]", "[pods, services, secrets]", "granted and not asked for: watched: get secrets"},
		{"kind: Role, name: pods", "kind: Role, name: dops", "asked for and not granted: watched: list pods"},
		{"resources: [nodes]", "resources: [nodes], resourceNames: [a]", "asked for and not granted: everywhere: get nodes"},
		{"serviceAccountName: operator", "serviceAccountName: other", "which no pod runs as"},
		{"metadata: {name: pods, namespace: watched}\nroleRef", "metadata: {name: pods, namespace: other}\nroleRef", "not granted: watched"},
	} {
		text := strings.Replace(rendering, broken.from, broken.to, 1)
		if text == rendering {
			t.Errorf("%q is not in the rendering", broken.from)
		}
		if wrong := strings.Join(permissions([]byte(text), []byte(printed)), "; "); !strings.Contains(wrong, broken.says) {
			t.Errorf("%q: said %q, not %q", broken.to, wrong, broken.says)
		}
	}
	if wrong := strings.Join(permissions([]byte(rendering), nil), "; "); !strings.Contains(wrong, "nothing is asked for") {
		t.Errorf("of nothing printed it said %q", wrong)
	}
}
