package stack

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The credentials that MiniStack takes for its owner's. They open nothing
// outside this machine.
const (
	accessKey = "test"
	secretKey = "test"
	region    = "us-east-1"
)

// startFor bounds the start of MiniStack; it takes one second.
const startFor = 30 * time.Second

func (s *Stack) ministack() string { return filepath.Join(s.config.Root, ".venv", "bin", "ministack") }

// temporary is MiniStack's TMPDIR: the unpacked functions lie there, and a
// process that runs from there is ours.
func (s *Stack) temporary() string { return filepath.Join(s.Folder, "tmp") }

// startMiniStack starts it and waits until it is ready.
func (s *Stack) startMiniStack(ctx context.Context) error {
	log, err := os.Create(s.LogFile("ministack"))
	if err != nil {
		return fmt.Errorf("making MiniStack's log: %w", err)
	}
	defer log.Close() // the process has its own handle
	command := exec.Command(s.ministack())
	command.Dir = s.Folder
	command.Env = s.miniStackEnvironment()
	command.Stdout, command.Stderr = log, log
	if s.emu, err = startGroup(command); err != nil {
		return err
	}
	if err := s.awaitMiniStack(ctx); err != nil {
		return fmt.Errorf("%w; its log is %s", err, log.Name())
	}
	go func() {
		<-s.emu.ended
		s.fail(fmt.Errorf("MiniStack has ended; its log is %s", log.Name()))
	}()
	return nil
}

// miniStackEnvironment makes MiniStack listen on loopback alone (its own
// default is every address, and a port for IoT beside), check the functions'
// roles, and run them as plain processes. They inherit AWS_ENDPOINT_URL, so
// that every call of theirs passes the proxy.
func (s *Stack) miniStackEnvironment() []string {
	return append(environment(address(s.Ports.AWS)),
		"BIND_HOST=127.0.0.1",
		"GATEWAY_PORT="+strconv.Itoa(s.Ports.MiniStack),
		"IOT_MTLS_ENABLED=0",
		"SFTP_ENABLED=0",
		"AUTH=true",
		"LAMBDA_EXECUTOR=local",
		"TMPDIR="+s.temporary(),
	)
}

// environment is this process's own without anything that leads to real AWS,
// and with what leads to an endpoint here.
func environment(endpoint string) []string {
	clean := slices.DeleteFunc(os.Environ(), func(pair string) bool {
		name, _, _ := strings.Cut(pair, "=")
		return strings.HasPrefix(name, "AWS_") || strings.EqualFold(name, "NO_PROXY")
	})
	return append(clean,
		"AWS_ENDPOINT_URL="+endpoint,
		"AWS_REGION="+region,
		"AWS_DEFAULT_REGION="+region,
		"AWS_ACCESS_KEY_ID="+accessKey,
		"AWS_SECRET_ACCESS_KEY="+secretKey,
		"AWS_CONFIG_FILE="+os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE="+os.DevNull,
		"AWS_EC2_METADATA_DISABLED=true",
		"NO_PROXY=127.0.0.1,localhost",
		"no_proxy=127.0.0.1,localhost",
	)
}

// Environment is what a command needs in its environment to take this stack
// for AWS, as name=value pairs: the bellhop command, the AWS CLI, an SDK.
func (s *Stack) Environment() []string { return environment(address(s.Ports.AWS)) }

func (s *Stack) awaitMiniStack(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startFor)
	defer cancel()
	for {
		if ready(ctx, address(s.Ports.MiniStack)+"/_ministack/ready") {
			return nil
		}
		select {
		case <-s.emu.ended:
			return fmt.Errorf("starting MiniStack: it ended at once (%v)", s.emu.err)
		case <-ctx.Done():
			return fmt.Errorf("waiting for MiniStack: %w", ctx.Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func ready(ctx context.Context, url string) bool {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}
