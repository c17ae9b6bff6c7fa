// The process of a pod's sandbox: it holds the namespaces, reaps orphans and ends on a signal. As `pause serve` it
// answers HTTP on port 8080 with the name of its pod, as `pause get URL` it prints an answer: enough to prove that pods
// run, that a Service answers and that names resolve.
package main

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	stop := make(chan os.Signal, 8)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCHLD)
	if len(os.Args) == 3 && os.Args[1] == "get" {
		os.Exit(get(os.Args[2]))
	}
	if len(os.Args) == 2 && os.Args[1] == "serve" {
		go serve()
	}
	for s := range stop {
		if s != syscall.SIGCHLD {
			return
		}
		for {
			if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
				break
			}
		}
	}
}

func serve() {
	name, _ := os.Hostname()
	answer := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "hello from "+name) }
	if err := http.ListenAndServe(":8080", http.HandlerFunc(answer)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func get(url string) int {
	client := http.Client{Timeout: 5 * time.Second}
	response, err := client.Get(url)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer response.Body.Close()
	if _, err := io.Copy(os.Stdout, response.Body); err != nil || response.StatusCode != http.StatusOK {
		return 1
	}
	return 0
}
