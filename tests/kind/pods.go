package main

import (
	"slices"

	core "k8s.io/api/core/v1"
)

// pod: restricted as Kubernetes' own standard has it, and a little more.
func pod(one workload, present map[string]bool, say func(string, ...any)) {
	spec := one.template.Spec
	if spec.EnableServiceLinks == nil || *spec.EnableServiceLinks {
		say("%s: enableServiceLinks is not false", one.name)
	}
	if spec.ServiceAccountName == "" && (spec.AutomountServiceAccountToken == nil || *spec.AutomountServiceAccountToken) {
		say("%s: pods get a token that they do not need", one.name)
	}
	context := spec.SecurityContext
	switch {
	case context == nil:
		say("%s: no securityContext", one.name)
	default:
		if context.RunAsNonRoot == nil || !*context.RunAsNonRoot || context.RunAsUser == nil || *context.RunAsUser == 0 {
			say("%s: may run as root", one.name)
		}
		if context.SeccompProfile == nil || context.SeccompProfile.Type != core.SeccompProfileTypeRuntimeDefault {
			say("%s: no seccomp profile", one.name)
		}
	}
	volumes := map[string]bool{}
	for _, volume := range spec.Volumes {
		volumes[volume.Name] = true
		if from := volume.ConfigMap; from != nil && !named(present, "ConfigMap", from.Name) {
			say("%s: ConfigMap %s is not of this chart", one.name, from.Name)
		}
	}
	for _, claim := range one.claims {
		volumes[claim.Name] = true
	}
	for _, container := range spec.InitContainers {
		confined(one.name, container, volumes, say)
	}
	for _, container := range spec.Containers {
		confined(one.name, container, volumes, say)
		if container.ReadinessProbe == nil || container.LivenessProbe == nil {
			say("%s, %s: a probe is missing", one.name, container.Name)
		}
	}
}

func named(present map[string]bool, kind, name string) bool {
	for key := range present {
		if len(key) > len(kind) && key[:len(kind)] == kind && key[len(key)-len(name)-1:] == "/"+name {
			return true
		}
	}
	return false
}

func confined(name string, container core.Container, volumes map[string]bool, say func(string, ...any)) {
	context := container.SecurityContext
	if context == nil ||
		context.AllowPrivilegeEscalation == nil || *context.AllowPrivilegeEscalation ||
		context.ReadOnlyRootFilesystem == nil || !*context.ReadOnlyRootFilesystem ||
		context.Capabilities == nil || !slices.Contains(context.Capabilities.Drop, "ALL") {
		say("%s, %s: not confined (escalation, writable root or capabilities)", name, container.Name)
	}
	if container.Resources.Limits.Memory().IsZero() {
		say("%s, %s: no memory limit", name, container.Name)
	}
	for _, mount := range container.VolumeMounts {
		if !volumes[mount.Name] {
			say("%s, %s: mounts %s, which is not a volume", name, container.Name, mount.Name)
		}
	}
}
