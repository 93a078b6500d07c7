// Loads a compose file as `docker compose` does: schema, interpolation, references, without profiles and with all of them.
// Says what is wrong with it.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/compose-spec/compose-go/v2/cli"
)

func main() {
	for _, profiles := range [][]string{{}, {"*"}} {
		if err := load(os.Args[1], profiles); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func load(path string, profiles []string) error {
	options, err := cli.NewProjectOptions(
		[]string{path}, cli.WithInterpolation(true), cli.WithConsistency(true), cli.WithProfiles(profiles))
	if err != nil {
		return err
	}
	_, err = options.LoadProject(context.Background())
	return err
}
