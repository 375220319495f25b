package bench

import (
	"net/http"
	"os"
	"strings"
	"testing"
)

// TestMain lets this very test play the function's process.
func TestMain(m *testing.M) {
	if api := os.Getenv("AWS_LAMBDA_RUNTIME_API"); api != "" {
		play(api, os.Getenv("PLAY"))
		return
	}
	os.Exit(m.Run())
}

// play asks for an event and answers as it is told to.
func play(api, how string) {
	base := "http://" + api + "/2018-06-01/runtime/invocation/"
	next, err := http.Get(base + "next")
	if err != nil || how == "ends" {
		os.Exit(3)
	}
	id := next.Header.Get("Lambda-Runtime-Aws-Request-Id")
	_, _ = http.Post(base+id+"/"+how, "application/json", strings.NewReader(`{"errorMessage":"as told"}`))
	_, _ = http.Get(base + "next") // waits until it is killed
}

func TestInvoke(t *testing.T) {
	for how, want := range map[string]string{"response": "", "error": "as told", "ends": "ended before it answered"} {
		t.Run(how, func(t *testing.T) {
			came, err := invoke(t.Context(), os.Args[0], []string{"PLAY=" + how}, []byte(`{}`))
			if want != "" {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("%v, want %q", err, want)
				}
				return
			}
			if err != nil || came.took <= 0 {
				t.Errorf("%+v, %v", came, err)
			}
			if _, proc := os.Stat("/proc/self/status"); proc == nil && came.peak < 1<<20 {
				t.Errorf("a Go program in %d bytes", came.peak)
			}
		})
	}
	if _, err := invoke(t.Context(), "/nowhere", nil, nil); err == nil {
		t.Error("a program that is not there was started")
	}
}

func TestParsePeak(t *testing.T) {
	if got, err := parsePeak([]byte("Name:\tx\nVmPeak:\t  999 kB\nVmHWM:\t   28900 kB\nVmRSS:\t 100 kB\n")); err != nil || got != 28900<<10 {
		t.Errorf("%d, %v", got, err)
	}
	if _, err := parsePeak([]byte("Name:\tx\n")); err == nil {
		t.Error("a status without it was read")
	}
}
