// Loads a compose file as `docker compose` does: schema, interpolation, references. Says what is wrong with it.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	if err := load(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func load(path string) error {
	options, err := cli.NewProjectOptions([]string{path}, cli.WithInterpolation(true), cli.WithConsistency(true))
	if err != nil {
		return err
	}
	_, err = options.LoadProject(context.Background())
	return err
}
