// Command composecheck loads compose files as `docker compose` does, by the
// library of the Compose specification, and prints the whole as JSON: what
// `docker compose config --format json` would print. It fails if a file is not
// valid.
//
//	composecheck FILE...
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	if err := check(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// check loads the files, of which later ones override earlier ones, with the variables
// of a .env next to the first.
func check(files []string) error {
	if len(files) == 0 {
		return fmt.Errorf("usage: composecheck FILE...")
	}
	options, err := cli.NewProjectOptions(files, cli.WithWorkingDirectory(filepath.Dir(files[0])), cli.WithName("jwtgate"),
		cli.WithOsEnv, cli.WithDotEnv)
	if err != nil {
		return err
	}
	project, err := options.LoadProject(context.Background())
	if err != nil {
		return err
	}
	text, err := project.MarshalJSON()
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(text)
	return err
}
