// Reads Kubernetes files strictly: kind's configuration and rendered charts.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

const usage = "usage: kind-check config FILE | manifests DIR"

func main() {
	if len(os.Args) != 3 {
		fail(usage)
	}
	switch os.Args[1] {
	case "config":
		if err := readConfig(os.Args[2]); err != nil {
			fail("%s: %v", os.Args[2], err)
		}
		fmt.Printf("ok %s\n", os.Args[2])
	case "manifests":
		readManifests(os.Args[2])
	default:
		fail(usage)
	}
}

// readManifests reads every rendering of a folder, one line a file and one a violation.
func readManifests(dir string) {
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(files) == 0 {
		fail("%s has no renderings (*.yaml): render into it first", dir)
	}
	wrong := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			fail("%v", err)
		}
		violations := check(text)
		if len(violations) == 0 {
			fmt.Printf("ok %s\n", filepath.Base(file))
			continue
		}
		wrong++
		fmt.Printf("not ok %s\n", filepath.Base(file))
		for _, violation := range violations {
			fmt.Printf("    %s\n", violation)
		}
	}
	if wrong > 0 {
		os.Exit(1)
	}
}

func fail(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
	os.Exit(2)
}
