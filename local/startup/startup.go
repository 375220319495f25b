// Package startup measures how long a function takes from the start of its
// process until it asks for its first event, which is what Lambda counts (and
// bills) as the init phase of a custom runtime.
package startup

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"time"
)

// tooLong bounds one start; Lambda gives an init ten seconds.
const tooLong = 10 * time.Second

// Median starts a bootstrap several times, one after the other, and returns
// the median of the times. The first start is not counted: it also reads the
// file from the disk, which on Lambda happens elsewhere. The environment is
// added to this process's own.
func Median(ctx context.Context, bootstrap string, environment []string, times int) (time.Duration, error) {
	var measured []time.Duration
	for i := range times + 1 {
		took, err := Once(ctx, bootstrap, environment)
		if err != nil {
			return 0, err
		}
		if i > 0 {
			measured = append(measured, took)
		}
	}
	slices.Sort(measured)
	return measured[len(measured)/2], nil
}

// Once starts a bootstrap against a Runtime API of its own, waits until it
// asks for the next event, and kills it.
// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
func Once(ctx context.Context, bootstrap string, environment []string) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, tooLong)
	defer cancel()
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("listening for the runtime: %w", err)
	}
	asked := make(chan time.Time, 1)
	server := &http.Server{ReadHeaderTimeout: tooLong, Handler: runtimeAPI(asked)}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()

	command := exec.CommandContext(ctx, bootstrap)
	command.Env = append(os.Environ(), environment...)
	command.Env = append(command.Env, "AWS_LAMBDA_RUNTIME_API="+listener.Addr().String())
	output := &firstLines{}
	command.Stdout, command.Stderr = output, output
	begin := time.Now()
	if err := command.Start(); err != nil {
		return 0, fmt.Errorf("starting %s: %w", bootstrap, err)
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	select {
	case at := <-asked:
		cancel()
		<-ended
		return at.Sub(begin), nil
	case err := <-ended:
		return 0, fmt.Errorf("%s ended before it asked for an event: %w\n%s", bootstrap, err, output.text)
	}
}

// runtimeAPI notes when the first event is asked for, and never gives one.
func runtimeAPI(asked chan<- time.Time) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /2018-06-01/runtime/invocation/next", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case asked <- time.Now():
		default:
		}
		<-r.Context().Done()
	})
	return mux
}

// firstLines keeps the beginning of an output, enough for an error.
type firstLines struct{ text []byte }

// Write implements [io.Writer]; it takes everything and keeps the beginning.
func (f *firstLines) Write(p []byte) (int, error) {
	f.text = append(f.text, p[:min(len(p), 2000-len(f.text))]...)
	return len(p), nil
}
