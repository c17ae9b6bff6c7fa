package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	rbac "k8s.io/api/rbac/v1"
)

// grants are permissions, one by one: where, and what may be done with which resource.
type grants map[string]bool

func (granted grants) add(where string, rules []rbac.PolicyRule) {
	for _, rule := range rules {
		for _, group := range rule.APIGroups {
			for _, resource := range rule.Resources {
				for _, verb := range rule.Verbs {
					what := strings.TrimSuffix(resource+"."+group, ".")
					for _, name := range rule.ResourceNames {
						what += " " + name
					}
					granted[fmt.Sprintf("%s: %s %s", where, verb, what)] = true
				}
			}
		}
	}
}

// permissions compares what a rendering grants to the account of its pods with the roles that the operator prints for
// itself. Names and the cut into roles do not matter: the sum does.
func permissions(rendering, printed []byte) (wrong []string) {
	objects, wrong := decode(rendering)
	asked, more := decode(printed)
	wrong = append(wrong, more...)
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }

	accounts := map[string]bool{}
	for _, one := range find(objects) {
		accounts[one.namespace+"/"+one.template.Spec.ServiceAccountName] = true
	}
	roles := map[string][]rbac.PolicyRule{}
	for _, object := range objects {
		switch role := object.(type) {
		case *rbac.Role:
			roles[id(role)] = role.Rules
		case *rbac.ClusterRole:
			roles[id(role)] = role.Rules
		}
	}
	granted, wanted := grants{}, grants{}
	bind := func(name, where, role string, subjects []rbac.Subject) {
		granted.add(where, roles[role])
		for _, subject := range subjects {
			if subject.Kind != "ServiceAccount" || !accounts[subject.Namespace+"/"+subject.Name] {
				say("%s binds to %s %s/%s, which no pod runs as", name, subject.Kind, subject.Namespace, subject.Name)
			}
		}
	}
	for _, object := range objects {
		switch binding := object.(type) {
		case *rbac.RoleBinding:
			bind(id(binding), binding.Namespace, "Role "+binding.Namespace+"/"+binding.RoleRef.Name, binding.Subjects)
		case *rbac.ClusterRoleBinding:
			bind(id(binding), "everywhere", "ClusterRole /"+binding.RoleRef.Name, binding.Subjects)
		}
	}
	for _, object := range asked {
		switch role := object.(type) {
		case *rbac.Role:
			wanted.add(role.Namespace, role.Rules)
		case *rbac.ClusterRole:
			wanted.add("everywhere", role.Rules)
		}
	}
	if len(wanted) == 0 {
		say("nothing is asked for: is this what `stockpipe-operator rbac` prints?")
	}
	for _, one := range slices.Sorted(maps.Keys(wanted)) {
		if !granted[one] {
			say("asked for and not granted: %s", one)
		}
	}
	for _, one := range slices.Sorted(maps.Keys(granted)) {
		if !wanted[one] {
			say("granted and not asked for: %s", one)
		}
	}
	return wrong
}
