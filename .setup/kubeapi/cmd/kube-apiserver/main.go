// Command kube-apiserver is the released kube-apiserver, as a Go module has it. It is built for the test of deploy/.
package main

import (
	"os"

	"k8s.io/component-base/cli"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
)

func main() { os.Exit(cli.Run(app.NewAPIServerCommand())) }
