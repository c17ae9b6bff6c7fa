package main

import (
	"strings"
	"testing"
)

const valuesFile = "image:\n  tag: \"\"\n  secrets: []\nlimits: {memory: 1Gi}\nreplicas: 1\n"

const schemaFile = `{
  "additionalProperties": false,
  "definitions": {"free": {"type": "object", "additionalProperties": {"type": "string"}}},
  "properties": {
    "global": {"type": "object"},
    "image": {"additionalProperties": false, "properties": {"tag": {"type": "string"}, "secrets": {"type": "array"}}},
    "limits": {"$ref": "#/definitions/free"},
    "replicas": {"type": "integer"}
  }
}`

const readmeFile = `
| value | default | |
|---|---|---|
| ` + "`image.tag` | `\"\"`" + ` | which |
| ` + "`image.secrets` | `[]`" + ` | |
| ` + "`limits` | `{memory: 1Gi}`" + ` | |
| ` + "`replicas` | `1`" + ` | how many |

| another | table |
|---|---|
| of | things |
`

func TestValues(t *testing.T) {
	if wrong := values([]byte(valuesFile), []byte(schemaFile), []byte(readmeFile)); len(wrong) > 0 {
		t.Fatalf("the right ones are refused: %v", wrong)
	}
	if wrong := values([]byte("{}"), []byte(`{"additionalProperties": false}`), []byte("There are none.")); len(wrong) > 0 {
		t.Fatalf("no values at all are refused: %v", wrong)
	}
	for _, broken := range []struct{ from, to, says string }{
		{"replicas: 1", "replica: 1", "replica is not in the schema"},
		{"replicas: 1", "", "values.yaml lacks replicas"},
		{"replicas: 1", "replicas: 1\nreplicas: 2", "already set"},
		{"  tag: \"\"\n", "", "values.yaml lacks image.tag"},
		{"{memory: 1Gi}\n", "{memory: 2Gi}\n", "the default of limits"},
		{`"integer"}`, `"integer"}, "more": {}`, "values.yaml lacks more"},
		{`"image": {"additionalProperties": false`, `"image": {"additionalProperties": true`, "image takes unknown keys"},
		{`{
  "additionalProperties": false,`, `{`, "the top takes unknown keys"},
		{"| `image.tag` | `\"\"` | which |\n", "", "lacks image.tag"},
		{"`replicas` | `1`", "`replicas` | `2`", "the default of replicas is 2"},
		{"`replicas` | `1`", "`replicas` | `[`", "the default of replicas: "},
		{"| `replicas`", "| `more` | `1` | |\n| `replicas`", "has more, values.yaml does not"},
		{"| `replicas`", "| `limits` | `1` | |\n| `replicas`", "limits is there twice"},
		{"| `replicas` | `1` | how many |", "| replicas |", "a row is"},
	} {
		files := []string{valuesFile, schemaFile, readmeFile}
		changed := false
		for index, file := range files {
			if !changed && strings.Contains(file, broken.from) {
				files[index], changed = strings.Replace(file, broken.from, broken.to, 1), true
			}
		}
		if !changed {
			t.Errorf("%q is in none of the files", broken.from)
		}
		wrong := strings.Join(values([]byte(files[0]), []byte(files[1]), []byte(files[2])), "; ")
		if !strings.Contains(wrong, broken.says) {
			t.Errorf("%q: said %q, not %q", broken.to, wrong, broken.says)
		}
	}
}
