// Command etcd is the released etcd, as a Go module has it. It is built for the test of deploy/.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
