package secretsmanager

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"

	"bellhop/shared/grant"
	"bellhop/shared/granttest"
	"bellhop/shared/secret"
)

// answering is Secrets Manager that knows one answer.
func answering(t *testing.T, status int, exception string) (API, *atomic.Int32) {
	t.Helper()
	calls := new(atomic.Int32)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls.Add(1)
		w.Header().Set("Content-Type", "application/x-amz-json-1.1")
		w.WriteHeader(status)
		_, _ = fmt.Fprintf(w, `{"__type":"%s","Message":"x"}`, exception)
	}))
	t.Cleanup(s.Close)
	return NewClient(local(s.URL)), calls
}

// local is a configuration for a stand-in. Its credentials are no one's, and
// given here: the SDK's own search for some must never begin in a test.
func local(endpoint string) aws.Config {
	return aws.Config{
		Region: "eu-west-1", BaseEndpoint: &endpoint,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: "test", SecretAccessKey: "test"}, nil
		}),
	}
}

// The SDK would try again, for up to 20 s, what cannot succeed before tomorrow.
func TestNewClient_FullIsNotAThrottle(t *testing.T) {
	client, calls := answering(t, 400, "LimitExceededException")
	_, err := client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: aws.String("s"), SecretString: aws.String("v")})
	if !full(err) || calls.Load() != 1 {
		t.Errorf("%d calls, %v", calls.Load(), err)
	}
}

func TestNewClient_ThrottlesAndTroubleAreTriedAgain(t *testing.T) {
	for exception, status := range map[string]int{"ThrottlingException": 400, "InternalServiceError": 500} {
		client, calls := answering(t, status, exception)
		_, err := client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: aws.String("s"), SecretString: aws.String("v")})
		if err == nil || full(err) || calls.Load() != 3 {
			t.Errorf("%s: %d calls, %v", exception, calls.Load(), err)
		}
	}
}

func TestNewClient_TheAnswersThatMeanSomething(t *testing.T) {
	for exception, is := range map[string]func(error) bool{
		"LimitExceededException": full, "ResourceNotFoundException": missing, "ResourceExistsException": taken, "InvalidRequestException": dying,
	} {
		client, _ := answering(t, 400, exception)
		_, err := client.PutSecretValue(t.Context(), &secretsmanager.PutSecretValueInput{SecretId: aws.String("s"), SecretString: aws.String("v")})
		for name, f := range map[string]func(error) bool{"full": full, "missing": missing, "taken": taken, "dying": dying} {
			if f(err) != is(err) && f(err) {
				t.Errorf("%s is taken for %s", exception, name)
			}
		}
		if !is(err) {
			t.Errorf("%s is not recognized: %v", exception, err)
		}
	}
}

// running is a client of the service that BELLHOP_TEST_ENDPOINT names, and a
// prefix of its own there.
func running(t *testing.T) (API, string) {
	t.Helper()
	endpoint := os.Getenv("BELLHOP_TEST_ENDPOINT")
	if endpoint == "" {
		t.Skip("BELLHOP_TEST_ENDPOINT names no service")
	}
	return NewClient(local(endpoint)), "test-" + rand.Text() + "/"
}

// sweepUp deletes what a test made.
func sweepUp(t *testing.T, api API, names ...string) {
	for _, name := range names {
		_, err := api.DeleteSecret(context.Background(), &secretsmanager.DeleteSecretInput{SecretId: &name, ForceDeleteWithoutRecovery: aws.Bool(true)})
		if err != nil && !missing(err) {
			t.Errorf("cleaning up: %v", err)
		}
	}
}

// The stand-in that the local stack runs on overwrites where AWS refuses: the
// story that needs a request token to be written once fails there, unless the
// endpoint is the proxy that adds it.
func TestHome_SuiteAgainstAService(t *testing.T) {
	running(t)
	granttest.HomeSuite(t, func(t *testing.T) grant.Home {
		api, prefix := running(t)
		if strings.HasSuffix(t.Name(), "/NeverOverwritten") && os.Getenv("BELLHOP_TEST_WRITE_ONCE") == "" {
			t.Skip("BELLHOP_TEST_WRITE_ONCE is not set: the service may overwrite")
		}
		h, err := NewHome(HomeConfig{API: api, Prefix: prefix})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { sweepUp(t, api, secretOf(prefix, "g", 1), secretOf(prefix, "another", 1)) })
		return h
	})
}

func TestHome_EpochsAgainstAService(t *testing.T) {
	api, prefix := running(t)
	h, err := NewHome(HomeConfig{API: api, Prefix: prefix, Versions: 5})
	if err != nil {
		t.Fatal(err)
	}
	c := &tick{}
	g := run(t, h, c, grant.Grant{ID: "lisbon-1", Home: grant.HomeSecrets}, 12, 0)
	if g.Placement.Epoch != 3 {
		t.Errorf("placement is %+v", g.Placement)
	}
	sweepUp(t, api, secretOf(prefix, g.ID, 2), secretOf(prefix, g.ID, 3))
}

func TestClientSecrets_AgainstAService(t *testing.T) {
	api, prefix := running(t)
	w := Writer{API: api, Prefix: prefix}
	for _, value := range []string{"one", "two"} {
		if err := w.PutClientSecret(t.Context(), "main", secret.New(value)); err != nil {
			t.Fatal(err)
		}
		got, err := NewReader(ReaderConfig{API: api, Prefix: prefix}).ClientSecrets(t.Context(), "main")
		if err != nil || got.Current.Reveal() != value {
			t.Errorf("read %v", err)
		}
	}
	sweepUp(t, api, clientSecretOf(prefix, "main"))
}
