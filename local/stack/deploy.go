package stack

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

func (s *Stack) sam() string { return filepath.Join(s.config.Root, ".venv", "bin", "sam") }

// builtTemplate is what `make stage` builds: the template as it stands, beside
// bootstraps for this machine.
func (s *Stack) builtTemplate() string {
	return filepath.Join(s.config.Root, ".local", "build", "template.yaml")
}

// samDeploy runs the real `sam deploy` against MiniStack. It does not pass the
// proxy, whose books are about what the functions do.
func (s *Stack) samDeploy(ctx context.Context) error {
	command := exec.Command(s.sam(), s.deployArguments()...)
	command.Dir = s.config.Root
	command.Env = append(environment(address(s.Ports.MiniStack)),
		"SAM_CLI_TELEMETRY=0",
		// Where the SAM CLI keeps notes about itself; its default is the home.
		"__SAM_CLI_APP_DIR="+filepath.Join(s.config.Root, ".local", "sam"),
	)
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	running, err := startGroup(command)
	if err != nil {
		return err
	}
	select {
	case <-running.ended:
	case <-ctx.Done():
	}
	if err := running.stop(); err != nil {
		return err
	}
	if err := os.WriteFile(s.LogFile("deploy"), output.Bytes(), 0o600); err != nil {
		return fmt.Errorf("keeping the deploy's log: %w", err)
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("deploying the template: %w", err)
	}
	if running.err != nil {
		return fmt.Errorf("deploying the template: %w\n%s\nall of it: %s", running.err, whatFailed(output.String()), s.LogFile("deploy"))
	}
	return nil
}

func (s *Stack) deployArguments() []string {
	arguments := []string{
		"deploy",
		"--template-file", s.builtTemplate(),
		"--stack-name", s.config.Name,
		"--resolve-s3",
		"--capabilities", "CAPABILITY_IAM",
		"--no-confirm-changeset",
		"--no-fail-on-empty-changeset",
		"--parameter-overrides",
	}
	parameters := map[string]string{
		"Architecture": map[string]string{"amd64": "x86_64"}[runtime.GOARCH],
		"PublicUrl":    s.PublicURL(),
	}
	if parameters["Architecture"] == "" {
		parameters["Architecture"] = "arm64"
	}
	maps.Copy(parameters, s.config.Parameters)
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		arguments = append(arguments, name+"="+parameters[name])
	}
	return arguments
}

// PublicURL is the origin of the HTTP API, of reconnect links and of the
// redirect URI.
func (s *Stack) PublicURL() string { return address(s.Ports.Front) }

// whatFailed picks the lines of a deploy's output that say why, or its end.
func whatFailed(output string) string {
	lines := strings.Split(strings.TrimSpace(output), "\n")
	var telling []string
	for i, line := range lines {
		if strings.Contains(line, "FAILED") || strings.HasPrefix(line, "Error") {
			telling = append(telling, lines[i:min(i+6, len(lines))]...)
		}
	}
	if len(telling) == 0 {
		telling = lines
	}
	return strings.Join(telling[max(0, len(telling)-18):], "\n")
}
