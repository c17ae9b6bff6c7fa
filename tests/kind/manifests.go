package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	rbac "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/yaml"
	strict "sigs.k8s.io/yaml"
)

// Groups whose types are not here: only their form as YAML is checked. The definitions of our own kinds are generated, and
// a real API server takes them in tests/cluster.
var foreign = []string{"apiextensions.k8s.io/", "monitoring.coreos.com/", "stockpipe.dev/"}

// The groups that charts use. A kind of another one is refused until its group is added.
var groups = []func(*runtime.Scheme) error{
	apps.AddToScheme, core.AddToScheme, networking.AddToScheme, policy.AddToScheme, rbac.AddToScheme,
}

// check reads a stream of documents and says what is wrong with them.
func check(text []byte) []string {
	objects, wrong := decode(text)
	if len(objects) == 0 {
		wrong = append(wrong, "nothing was rendered")
	}
	return append(wrong, rules(objects)...)
}

func decode(text []byte) (objects []runtime.Object, wrong []string) {
	known := runtime.NewScheme()
	for _, add := range groups {
		if err := add(known); err != nil {
			return nil, []string{err.Error()}
		}
	}
	decoder := serializer.NewCodecFactory(known, serializer.EnableStrict).UniversalDeserializer()
	reader := yaml.NewDocumentDecoder(io.NopCloser(bytes.NewReader(text)))
	for number := 1; ; number++ {
		document, err := next(reader)
		if errors.Is(err, io.EOF) {
			return objects, wrong
		}
		if err != nil {
			return objects, append(wrong, err.Error())
		}
		object, err := object(decoder, document)
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("document %d: %v", number, err))
		} else if object != nil {
			objects = append(objects, object)
		}
	}
}

// next is one whole document; a single read gives at most one buffer of it.
func next(reader io.Reader) ([]byte, error) {
	var whole []byte
	buffer := make([]byte, 1<<20)
	for {
		n, err := reader.Read(buffer)
		whole = append(whole, buffer[:n]...)
		if !errors.Is(err, io.ErrShortBuffer) {
			return whole, err
		}
	}
}

func object(decoder runtime.Decoder, document []byte) (runtime.Object, error) {
	var fields map[string]any
	if err := strict.UnmarshalStrict(document, &fields); err != nil {
		return nil, err
	}
	if len(fields) == 0 {
		return nil, nil
	}
	plain := &unstructured.Unstructured{Object: fields}
	for _, group := range foreign {
		if strings.HasPrefix(plain.GetAPIVersion(), group) {
			return plain, nil
		}
	}
	decoded, _, err := decoder.Decode(document, nil, nil)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", plain.GetKind(), plain.GetName(), err)
	}
	return decoded, nil
}
