package cloud

import (
	"errors"
	"testing"
)

func TestConfig_IsWhatLambdaPutsIntoTheEnvironment(t *testing.T) {
	t.Setenv("AWS_REGION", "eu-central-1")
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "example")
	t.Setenv("AWS_SESSION_TOKEN", "session")
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")
	c, err := Config()
	if err != nil || c.Region != "eu-central-1" || c.BaseEndpoint == nil || *c.BaseEndpoint != "http://127.0.0.1:4566" {
		t.Fatalf("%+v, %v", c, err)
	}
	got, err := c.Credentials.Retrieve(t.Context())
	if err != nil || got.AccessKeyID != "AKIDEXAMPLE" || got.SessionToken != "session" {
		t.Errorf("credentials of %q, %v", got.AccessKeyID, err)
	}
}

func TestConfig_OnAWSHasNoEndpointOfItsOwn(t *testing.T) {
	t.Setenv("AWS_REGION", "eu-central-1")
	t.Setenv("AWS_ENDPOINT_URL", "")
	if c, err := Config(); err != nil || c.BaseEndpoint != nil {
		t.Errorf("endpoint %v, %v", c.BaseEndpoint, err)
	}
}

func TestConfig_SaysWhatIsMissing(t *testing.T) {
	t.Setenv("AWS_REGION", "")
	t.Setenv("AWS_DEFAULT_REGION", "")
	if _, err := Config(); !errors.Is(err, ErrNoRegion) {
		t.Errorf("without a region: %v", err)
	}
}

// Nothing is asked of the network: without credentials a request fails.
func TestConfig_LooksNowhereElse(t *testing.T) {
	t.Setenv("AWS_REGION", "eu-central-1")
	t.Setenv("AWS_ACCESS_KEY_ID", "")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "")
	c, err := Config()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Credentials.Retrieve(t.Context()); err == nil {
		t.Error("credentials came from somewhere")
	}
}
