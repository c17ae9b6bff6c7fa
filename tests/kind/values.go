package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	strict "sigs.k8s.io/yaml"
)

// schema is as much of JSON Schema as tells which values there are.
type schema struct {
	Ref        string            `json:"$ref"`
	Properties map[string]schema `json:"properties"`
	// false, or what any other key has to be.
	Additional  any               `json:"additionalProperties"`
	Definitions map[string]schema `json:"definitions"`
}

// The head of the README's table of values.
const head = "| value | default |"

// values holds a chart's three lists of its values against each other: values.yaml has all that the schema knows, the schema
// refuses all else, and the README's table names each with its default.
func values(given, schemaText, readme []byte) (wrong []string) {
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	var top schema
	if err := json.Unmarshal(schemaText, &top); err != nil {
		return []string{"values.schema.json: " + err.Error()}
	}
	var tree map[string]any
	if err := strict.UnmarshalStrict(given, &tree); err != nil {
		return []string{"values.yaml: " + err.Error()}
	}
	// Helm hands every chart this key, whether it wants it or not.
	delete(top.Properties, "global")

	leaves := map[string]any{}
	var walk func(path string, node schema, tree map[string]any)
	walk = func(path string, node schema, tree map[string]any) {
		if node.Additional != false {
			say("values.schema.json: %s takes unknown keys; say additionalProperties: false", strings.TrimSuffix("the top."+path, "."))
		}
		for _, key := range slices.Sorted(maps.Keys(tree)) {
			if _, known := node.Properties[key]; !known {
				say("values.yaml: %s is not in the schema", path+key)
			}
		}
		for _, key := range slices.Sorted(maps.Keys(node.Properties)) {
			value, given := tree[key]
			if !given {
				say("values.yaml lacks %s, which the schema knows: give its default", path+key)
				continue
			}
			below := node.Properties[key]
			if name, refers := strings.CutPrefix(below.Ref, "#/definitions/"); refers {
				below = top.Definitions[name]
			}
			if len(below.Properties) == 0 {
				leaves[path+key] = value
				continue
			}
			branch, _ := value.(map[string]any)
			walk(path+key+".", below, branch)
		}
	}
	walk("", top, tree)

	table, more := told(string(readme))
	wrong = append(wrong, more...)
	for _, key := range slices.Sorted(maps.Keys(leaves)) {
		if value, there := table[key]; !there {
			say("README.md: its table of values lacks %s", key)
		} else if !reflect.DeepEqual(value, leaves[key]) {
			say("README.md: the default of %s is %v, values.yaml has %v", key, value, leaves[key])
		}
	}
	for _, key := range slices.Sorted(maps.Keys(table)) {
		if _, there := leaves[key]; !there {
			say("README.md: its table of values has %s, values.yaml does not", key)
		}
	}
	return wrong
}

// told is the README's table of values: key and default, each in backquotes, the default as YAML.
func told(readme string) (table map[string]any, wrong []string) {
	table = map[string]any{}
	_, rows, _ := strings.Cut(readme, "\n"+head)
	// The rest of the head, and the rule below it.
	lines := strings.Split(rows, "\n")
	for _, line := range lines[min(2, len(lines)):] {
		if !strings.HasPrefix(line, "|") {
			break
		}
		cells := strings.Split(line, "|")
		if len(cells) < 4 {
			return table, append(wrong, "README.md: "+line+": a row is | `key` | `default` | what it does |")
		}
		key, text := bare(cells[1]), bare(cells[2])
		var value any
		if err := strict.Unmarshal([]byte(text), &value); err != nil {
			wrong = append(wrong, fmt.Sprintf("README.md: the default of %s: %v", key, err))
		}
		if _, twice := table[key]; twice {
			wrong = append(wrong, "README.md: "+key+" is there twice")
		}
		table[key] = value
	}
	return table, wrong
}

func bare(cell string) string { return strings.Trim(strings.TrimSpace(cell), "`") }
