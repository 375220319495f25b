package startup

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// role says which function this test binary plays when it starts itself.
const role = "BELLHOP_STARTUP_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "":
		os.Exit(m.Run())
	case "slow":
		time.Sleep(150 * time.Millisecond)
		_, _ = http.Get("http://" + os.Getenv("AWS_LAMBDA_RUNTIME_API") + "/2018-06-01/runtime/invocation/next")
	case "broken":
		_, _ = os.Stderr.WriteString("GRANTS_TABLE is not set")
		os.Exit(3)
	}
}

func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func TestMedian_CountsFromTheProcessToTheFirstRequest(t *testing.T) {
	took, err := Median(t.Context(), self(t), []string{role + "=slow"}, 3)
	if err != nil {
		t.Fatal(err)
	}
	if took < 150*time.Millisecond || took > 2*time.Second {
		t.Errorf("took %s, want a little more than 150ms", took)
	}
}

func TestOnce_AFunctionThatDoesNotStartSaysWhy(t *testing.T) {
	_, err := Once(t.Context(), self(t), []string{role + "=broken"})
	if err == nil || !strings.Contains(err.Error(), "GRANTS_TABLE is not set") {
		t.Errorf("error %v; want the function's own words", err)
	}
}

func TestOnce_NoSuchBootstrap(t *testing.T) {
	if _, err := Once(t.Context(), "/nowhere/bootstrap", nil); err == nil {
		t.Error("no error")
	}
}
