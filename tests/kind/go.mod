module stockpipe.dev/tests/kind

go 1.24.0

require (
	go.yaml.in/yaml/v3 v3.0.4
	k8s.io/api v0.34.4
	k8s.io/apiextensions-apiserver v0.34.4
	k8s.io/apimachinery v0.34.4
	k8s.io/client-go v0.34.4
	sigs.k8s.io/kind v0.30.0
)
