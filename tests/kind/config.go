package main

import (
	"bytes"
	"errors"
	"fmt"

	"go.yaml.in/yaml/v3"
	"sigs.k8s.io/kind/pkg/apis/config/v1alpha4"
)

// checkConfig reads a configuration of kind with kind's own types; a field they do not know is an error.
func checkConfig(text []byte) error {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	decoder.KnownFields(true)
	var cluster v1alpha4.Cluster
	if err := decoder.Decode(&cluster); err != nil {
		return err
	}
	if cluster.APIVersion != "kind.x-k8s.io/v1alpha4" || cluster.Kind != "Cluster" {
		return fmt.Errorf("apiVersion %q, kind %q: kind.x-k8s.io/v1alpha4, Cluster is what kind reads",
			cluster.APIVersion, cluster.Kind)
	}
	for index, node := range cluster.Nodes {
		if node.Role != v1alpha4.ControlPlaneRole && node.Role != v1alpha4.WorkerRole {
			return fmt.Errorf("nodes[%d].role is %q: control-plane or worker", index, node.Role)
		}
	}
	if err := decoder.Decode(new(v1alpha4.Cluster)); err == nil {
		return errors.New("more than one document: kind reads the first only")
	}
	return nil
}
