package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"sync"
	"time"
)

// invocation is what came of one event that was given to a function's process.
type invocation struct {
	took time.Duration
	// peak is the most memory that the process had, in bytes; zero where the
	// system does not tell as Linux does.
	peak int64
}

// functionTimeout is the refresher's, as the template sets it.
const functionTimeout = 20 * time.Second

// invoke starts a bootstrap with a Runtime API of its own
// (https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html), gives it one
// event, and kills it when it has answered. An error that the function reports
// is an error, and so is a process that ends before.
func invoke(ctx context.Context, bootstrap string, environment []string, event []byte) (invocation, error) {
	ctx, cancel := context.WithTimeout(ctx, functionTimeout+10*time.Second)
	defer cancel()
	api, err := serveRuntime(ctx, event)
	if err != nil {
		return invocation{}, err
	}
	defer api.server.Close()
	command := exec.CommandContext(ctx, bootstrap)
	command.Env = append(environment, "AWS_LAMBDA_RUNTIME_API="+api.address)
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	if err := command.Start(); err != nil {
		return invocation{}, fmt.Errorf("starting %s: %w", bootstrap, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	select {
	case err = <-api.done:
	case err = <-ended:
		return invocation{}, fmt.Errorf("%s ended before it answered: %w\n%s", bootstrap, err, output.Bytes())
	}
	came := invocation{took: api.took(), peak: peakMemory(command.Process.Pid)}
	cancel()
	<-ended
	if err != nil {
		return invocation{}, fmt.Errorf("%w\n%s", err, output.Bytes())
	}
	return came, nil
}

// runtimeAPI is a Runtime API with one event.
type runtimeAPI struct {
	server  *http.Server
	address string
	event   []byte
	done    chan error // what the function answered

	mu       sync.Mutex
	began    time.Time // guarded by mu; when the event was handed over
	answered time.Time // guarded by mu
}

func serveRuntime(ctx context.Context, event []byte) (*runtimeAPI, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening for the runtime: %w", err)
	}
	a := &runtimeAPI{event: event, address: listener.Addr().String(), done: make(chan error, 1)}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", a.next)
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/response", func(w http.ResponseWriter, r *http.Request) { a.ends(w, nil) })
	mux.HandleFunc("POST /2018-06-01/runtime/invocation/{id}/error", func(w http.ResponseWriter, r *http.Request) {
		said, _ := io.ReadAll(io.LimitReader(r.Body, 4<<10))
		a.ends(w, fmt.Errorf("the function failed: %s", said))
	})
	a.server = &http.Server{Handler: mux, ReadHeaderTimeout: time.Second}
	go func() { _ = a.server.Serve(listener) }()
	return a, nil
}

// next hands the event over once; who asks again waits until it is killed.
func (a *runtimeAPI) next(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	first := a.began.IsZero()
	if first {
		a.began = time.Now()
	}
	a.mu.Unlock()
	if !first {
		<-r.Context().Done()
		return
	}
	w.Header().Set("Lambda-Runtime-Aws-Request-Id", "00000000-0000-4000-8000-000000000000")
	w.Header().Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(time.Now().Add(functionTimeout).UnixMilli(), 10))
	w.Header().Set("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:us-east-1:000000000000:function:bellhop-refresher")
	_, _ = w.Write(a.event)
}

// ends takes the function's answer.
func (a *runtimeAPI) ends(w http.ResponseWriter, failed error) {
	a.mu.Lock()
	a.answered = time.Now()
	a.mu.Unlock()
	w.WriteHeader(http.StatusAccepted)
	select {
	case a.done <- failed:
	default: // once is enough
	}
}

func (a *runtimeAPI) took() time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.answered.Sub(a.began)
}

// highWater is the line of /proc/<pid>/status about the largest resident size.
var highWater = regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`)

// peakMemory is the most memory that a living process has had.
func peakMemory(pid int) int64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	bytes, err := parsePeak(status)
	if err != nil {
		return 0
	}
	return bytes
}

func parsePeak(status []byte) (int64, error) {
	found := highWater.FindSubmatch(status)
	if found == nil {
		return 0, errors.New("no VmHWM in it")
	}
	kilobytes, err := strconv.ParseInt(string(found[1]), 10, 64)
	return kilobytes << 10, err
}
