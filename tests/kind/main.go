// Reads Kubernetes files strictly: kind's configuration, rendered charts, and what charts say about themselves.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

const usage = `usage: kind-check config FILE                     kind's configuration
       kind-check manifests DIR                    every rendering (*.yaml) in it
       kind-check permissions RENDERING PRINTED    what a rendering grants, and what the operator asks for
       kind-check values CHART                     values.yaml, its schema and its README`

func main() {
	if len(os.Args) < 3 {
		fail(usage)
	}
	name, first, rest := os.Args[1], os.Args[2], os.Args[3:]
	switch {
	case name == "config" && len(rest) == 0:
		var violations []string
		if err := checkConfig(read(first)); err != nil {
			violations = []string{err.Error()}
		}
		finish(tell(first, violations))
	case name == "manifests" && len(rest) == 0:
		manifests(first)
	case name == "permissions" && len(rest) == 1:
		finish(tell("permissions of "+filepath.Base(first), permissions(read(first), read(rest[0]))))
	case name == "values" && len(rest) == 0:
		file := func(name string) []byte { return read(filepath.Join(first, name)) }
		finish(tell("values of "+filepath.Base(first), values(file("values.yaml"), file("values.schema.json"), file("README.md"))))
	default:
		fail(usage)
	}
}

// manifests reads every rendering of a folder, one line a file and one a violation.
func manifests(dir string) {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(files) == 0 {
		fail("%s has no renderings (*.yaml): render into it first", dir)
	}
	good := true
	for _, file := range files {
		good = tell(filepath.Base(file), check(read(file))) && good
	}
	finish(good)
}

// tell prints one line about what was checked, and one for each violation.
func tell(what string, violations []string) bool {
	if len(violations) == 0 {
		fmt.Printf("ok %s\n", what)
		return true
	}
	fmt.Printf("not ok %s\n", what)
	for _, violation := range violations {
		fmt.Printf("    %s\n", violation)
	}
	return false
}

func read(file string) []byte {
	text, err := os.ReadFile(file)
	if err != nil {
		fail("%v", err)
	}
	return text
}

func finish(good bool) {
	if !good {
		os.Exit(1)
	}
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(2)
}
