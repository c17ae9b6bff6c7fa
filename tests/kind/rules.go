package main

import (
	"fmt"
	"slices"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	rbac "k8s.io/api/rbac/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
)

// workload is anything that makes pods.
type workload struct {
	name      string
	namespace string
	selector  *meta.LabelSelector
	template  core.PodTemplateSpec
	claims    []core.PersistentVolumeClaim
}

// rules holds the objects of one rendering to the house rules.
func rules(objects []runtime.Object) (wrong []string) {
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	present := map[string]bool{}
	for _, object := range objects {
		name := id(object)
		if present[name] {
			say("%s is there twice", name)
		}
		present[name] = true
	}
	workloads := find(objects)
	for _, one := range workloads {
		if !matches(one.selector, one.template.Labels) {
			say("%s does not select its own pods", one.name)
		}
		pod(one, present, say)
	}
	for _, object := range objects {
		switch object := object.(type) {
		case *core.Service:
			service(object, workloads, say)
		case *policy.PodDisruptionBudget:
			selects(id(object), object.Spec.Selector, workloads, say)
		case *networking.NetworkPolicy:
			selects(id(object), &object.Spec.PodSelector, workloads, say)
		case *rbac.RoleBinding:
			if !present[object.RoleRef.Kind+" "+object.Namespace+"/"+object.RoleRef.Name] {
				say("%s binds %s, which is not there", id(object), object.RoleRef.Name)
			}
		case *rbac.ClusterRoleBinding:
			if !present["ClusterRole /"+object.RoleRef.Name] {
				say("%s binds %s, which is not there", id(object), object.RoleRef.Name)
			}
		case *unstructured.Unstructured:
			// With a definition go all objects of it.
			kept := object.GetAnnotations()["helm.sh/resource-policy"] == "keep"
			if object.GetKind() == "CustomResourceDefinition" && !kept {
				say("%s would go with its release: annotate it helm.sh/resource-policy: keep", id(object))
			}
		case *rbac.Role:
			verbs(id(object), object.Rules, say)
		case *rbac.ClusterRole:
			verbs(id(object), object.Rules, say)
		}
	}
	return wrong
}

func id(object runtime.Object) string {
	kind := object.GetObjectKind().GroupVersionKind().Kind
	if about, ok := object.(meta.Object); ok {
		return kind + " " + about.GetNamespace() + "/" + about.GetName()
	}
	return kind
}

func find(objects []runtime.Object) (found []workload) {
	for _, object := range objects {
		switch object := object.(type) {
		case *apps.Deployment:
			spec := object.Spec
			found = append(found, workload{id(object), object.Namespace, spec.Selector, spec.Template, nil})
		case *apps.StatefulSet:
			spec := object.Spec
			found = append(found, workload{id(object), object.Namespace, spec.Selector, spec.Template, spec.VolumeClaimTemplates})
		}
	}
	return found
}

func matches(selector *meta.LabelSelector, of map[string]string) bool {
	parsed, err := meta.LabelSelectorAsSelector(selector)
	return err == nil && !parsed.Empty() && parsed.Matches(labels.Set(of))
}

func selects(name string, selector *meta.LabelSelector, workloads []workload, say func(string, ...any)) {
	if !slices.ContainsFunc(workloads, func(one workload) bool { return matches(selector, one.template.Labels) }) {
		say("%s selects no pod of this chart", name)
	}
}

func service(service *core.Service, workloads []workload, say func(string, ...any)) {
	selector := &meta.LabelSelector{MatchLabels: service.Spec.Selector}
	selects(id(service), selector, workloads, say)
	for _, one := range workloads {
		if !matches(selector, one.template.Labels) {
			continue
		}
		for _, port := range service.Spec.Ports {
			if !hasPort(one, port.TargetPort.StrVal) {
				say("%s: no container has the port %s", id(service), port.TargetPort.StrVal)
			}
		}
	}
}

func hasPort(one workload, name string) bool {
	for _, container := range one.template.Spec.Containers {
		for _, port := range container.Ports {
			if port.Name == name {
				return true
			}
		}
	}
	return false
}

// verbs: nothing is granted by a star, and Secrets are never listed.
func verbs(name string, granted []rbac.PolicyRule, say func(string, ...any)) {
	for _, rule := range granted {
		if slices.Contains(rule.Verbs, "*") || slices.Contains(rule.Resources, "*") || slices.Contains(rule.APIGroups, "*") {
			say("%s grants by a star: name what is needed", name)
		}
		if slices.Contains(rule.Resources, "secrets") && !slices.Equal(rule.Verbs, []string{"get"}) {
			say("%s may %v secrets: only get is needed", name, rule.Verbs)
		}
	}
}
