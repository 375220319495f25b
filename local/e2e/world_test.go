package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/sqs"

	"bellhop/local/sandbox"
	"bellhop/local/stack"
	"bellhop/local/torture"
)

// world is the running stack with everything around it: the providers, the
// people, and all that any of them was shown.
type world struct {
	*stack.Stack
	books   *sandbox.Admin
	witness *torture.Witness
	alerts  *receiver
	tables  *dynamodb.Client // the owner's, past the proxy
	queues  *sqs.Client
	secrets *secretsmanager.Client
	root    string // of the project
	cli     string // the bellhop command

	// quiet keeps the kills of one function from each other's batches.
	quiet map[stack.Function]*sync.Mutex

	mu      sync.Mutex
	hotels  []*hotel        // guarded by mu: everyone who was connected
	shown   []shown         // guarded by mu: every page and every command's output
	used    map[string]bool // guarded by mu: which function did what to which resource
	unwatch context.CancelFunc
}

// shown is something that somebody was shown.
type shown struct{ what, text string }

// theWorld is the running stack; without one the test is skipped.
func theWorld(t *testing.T) *world {
	t.Helper()
	if running == nil {
		t.Skip(switchVariable + " is not set: there is no stack to test (make test sets it)")
	}
	return running
}

// begin builds the command and starts the stack.
func begin(ctx context.Context) (*world, error) {
	w := &world{alerts: newReceiver(), witness: torture.NewWitness(), used: map[string]bool{}, quiet: map[stack.Function]*sync.Mutex{stack.Refresher: {}, stack.Pusher: {}}}
	config, err := configuration(w.alerts, w.witness)
	if err != nil {
		return nil, err
	}
	if w.root, err = filepath.Abs("../.."); err != nil {
		return nil, err
	}
	config.Root = w.root
	if err := w.buildCommand(ctx); err != nil {
		return nil, err
	}
	if w.Stack, err = stack.Start(ctx, config); err != nil {
		return nil, err
	}
	if err := w.alerts.listen(config.PortBase); err != nil {
		return nil, errors.Join(err, w.Stop())
	}
	w.books = &sandbox.Admin{BaseURL: fmt.Sprintf("http://127.0.0.1:%d", w.Ports.Sandbox)}
	w.tables, w.queues = dynamodb.NewFromConfig(w.AWS()), sqs.NewFromConfig(w.AWS())
	w.secrets = secretsmanager.NewFromConfig(w.AWS())
	watching, unwatch := context.WithCancel(context.WithoutCancel(ctx))
	w.unwatch = unwatch
	go w.watchCalls(watching)
	return w, nil
}

// end ends everything that begin has started.
func (w *world) end() error {
	w.unwatch()
	return errors.Join(w.Stop(), w.alerts.stop(), os.RemoveAll(filepath.Dir(w.cli)))
}

func (w *world) buildCommand(ctx context.Context) error {
	folder, err := os.MkdirTemp("", "bellhop-e2e")
	if err != nil {
		return err
	}
	w.cli = filepath.Join(folder, "bellhop")
	build := exec.CommandContext(ctx, "go", "build", "-o", w.cli, "./cmd/bellhop")
	build.Dir = w.root
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("building the bellhop command: %w\n%s", err, out)
	}
	return nil
}

// bellhop runs the operator's command with a line of standard input. It returns
// what was printed and the exit code.
func (w *world) bellhop(t *testing.T, input string, args ...string) (out, errs string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second) // t's own is over in a cleanup
	defer cancel()
	command := exec.CommandContext(ctx, w.cli, args...)
	command.Env = w.Environment()
	command.Stdin = strings.NewReader(input)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		t.Fatalf("running bellhop %s: %v", strings.Join(args, " "), err)
	}
	// What `connections add` prints on purpose, a signing secret and a link, is
	// for the one who typed it; the search at the end knows neither.
	w.show("bellhop "+strings.Join(args, " "), stdout.String()+stderr.String())
	return stdout.String(), stderr.String(), command.ProcessState.ExitCode()
}

// must runs the operator's command and fails the test when it fails.
func (w *world) must(t *testing.T, input string, args ...string) string {
	t.Helper()
	out, errs, code := w.bellhop(t, input, args...)
	if code != 0 {
		t.Fatalf("bellhop %s: exit code %d\n%s%s", strings.Join(args, " "), code, out, errs)
	}
	return out
}

// show keeps what somebody was shown.
func (w *world) show(what, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.shown = append(w.shown, shown{what, text})
}

// page is an answer to a browser that follows no redirect.
type page struct {
	status int
	body   string
	header http.Header
}

// browser follows nothing by itself.
var browser = &http.Client{
	Timeout:       20 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// visit makes one request as a browser would, and keeps the page.
func (w *world) visit(t *testing.T, method, url string) page {
	t.Helper()
	return w.request(t, method, url, nil, nil)
}

func (w *world) request(t *testing.T, method, url string, header http.Header, body []byte) page {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if header != nil {
		r.Header = header
	}
	answer, err := browser.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(answer.Body); err != nil {
		t.Fatal(err)
	}
	w.show(method+" "+r.URL.Path, text.String())
	return page{answer.StatusCode, text.String(), answer.Header}
}

// sweep brings the minute's sweep forward, as the schedule would invoke it, once
// the indexes show what was written before.
func (w *world) sweep(t *testing.T) {
	t.Helper()
	time.Sleep(indexDelay)
	event := fmt.Sprintf(`{"v":1,"sweep":%q}`, time.Now().UTC().Format(time.RFC3339))
	if _, err := w.Invoke(t.Context(), stack.Refresher, []byte(event)); err != nil {
		t.Fatal(err)
	}
}

// look is how often a fact is looked at again while it is waited for.
const look = 150 * time.Millisecond

// eventually waits until a fact holds, and fails with what was missing last. It
// is the only way in which a story waits.
func eventually(t *testing.T, within time.Duration, what string, missing func() string) {
	t.Helper()
	end := time.Now().Add(within)
	for {
		last := missing()
		if last == "" {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v: %s", what, within, last)
		}
		select {
		case <-time.After(look):
		case <-t.Context().Done():
			t.Fatalf("%s: %v", what, t.Context().Err())
		}
	}
}
