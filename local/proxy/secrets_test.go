package proxy

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

// token is a request token that reads well in a failure.
func token(n int) string { return fmt.Sprintf("00000000-0000-0000-0000-%012d", n) }

func (r *rig) create(name string, n int, value string) reply {
	r.Helper()
	return r.call(serviceSecrets, "CreateSecret", fmt.Sprintf(`{"Name":%q,"ClientRequestToken":%q,"SecretString":%q}`, name, token(n), value))
}

func (r *rig) put(name string, n int, value string) reply {
	r.Helper()
	return r.call(serviceSecrets, "PutSecretValue", fmt.Sprintf(`{"SecretId":%q,"ClientRequestToken":%q,"SecretString":%q}`, name, token(n), value))
}

func (r *rig) get(name string) reply {
	r.Helper()
	return r.call(serviceSecrets, "GetSecretValue", fmt.Sprintf(`{"SecretId":%q}`, name))
}

func (r *rig) getVersion(name string, n int) reply {
	r.Helper()
	return r.call(serviceSecrets, "GetSecretValue", fmt.Sprintf(`{"SecretId":%q,"VersionId":%q}`, name, token(n)))
}

// wantException fails unless the answer is HTTP 400 with that exception.
func wantException(t *testing.T, a reply, name string) {
	t.Helper()
	if a.status != http.StatusBadRequest || a.exception() != name {
		t.Errorf("answer is %d %s, want 400 %s", a.status, a.body, name)
	}
}

// wantSecret fails unless the answer is that version with that value.
func wantSecret(t *testing.T, a reply, n int, value string) {
	t.Helper()
	var got struct{ VersionId, SecretString string }
	if a.status != http.StatusOK {
		t.Errorf("answer is %d %s, want version %d", a.status, a.body, n)
		return
	}
	a.into(t, &got)
	if got.VersionId != token(n) || got.SecretString != value {
		t.Errorf("got version %s with %q, want %s with %q", got.VersionId, got.SecretString, token(n), value)
	}
}

// TestSecrets_QuotaOfVersions: the creation is a version like the others, and
// a version stops counting after its age.
func TestSecrets_QuotaOfVersions(t *testing.T) {
	r := newRig(t, Settings{VersionQuota: 3})
	r.create("s", 1, "one")
	for n := 2; n <= 3; n++ {
		if a := r.put("s", n, "more"); a.status != http.StatusOK {
			t.Fatalf("version %d: %d %s", n, a.status, a.body)
		}
	}
	wantException(t, r.put("s", 4, "four"), "LimitExceededException")
	wantException(t, r.put(arnOf("s"), 4, "four"), "LimitExceededException") // the same secret by its ARN
	if arrived := len(r.fake.arrived("PutSecretValue")); arrived != 2 {
		t.Errorf("%d puts reached the stand-in, want 2", arrived)
	}
	r.create("other", 1, "one")
	if a := r.put("other", 2, "two"); a.status != http.StatusOK {
		t.Errorf("the quota of one secret refuses another: %s", a.body)
	}
	r.pass(24*time.Hour + time.Second)
	if a := r.put("s", 4, "four"); a.status != http.StatusOK {
		t.Errorf("after a day: %d %s", a.status, a.body)
	}
}

func TestSecrets_QuotaSwitchedOff(t *testing.T) {
	r := newRig(t, Settings{VersionQuota: -1, SecretWrites: -1})
	r.create("s", 1, "one")
	for n := 2; n <= 130; n++ {
		if a := r.put("s", n, "more"); a.status != http.StatusOK {
			t.Fatalf("version %d: %d %s", n, a.status, a.body)
		}
	}
	r.set(Settings{VersionQuota: 0})
	wantException(t, r.put("s", 131, "more"), "LimitExceededException") // the default is AWS's 100
}

// TestSecrets_RefusedWriteDoesNotCount: what the service refused is no version.
func TestSecrets_RefusedWriteDoesNotCount(t *testing.T) {
	r := newRig(t, Settings{VersionQuota: 2})
	r.create("s", 1, "one")
	r.fake.answers("PutSecretValue", http.StatusInternalServerError, `{"__type":"InternalServiceError"}`)
	for n := 2; n <= 5; n++ {
		r.put("s", n, "lost")
	}
	r.fake.mu.Lock()
	r.fake.handlers["PutSecretValue"] = r.fake.putSecret
	r.fake.mu.Unlock()
	if a := r.put("s", 2, "two"); a.status != http.StatusOK {
		t.Errorf("the first write that lands: %d %s", a.status, a.body)
	}
}

// TestSecrets_TokenIsWrittenOnce: the pair of a repetition and a conflict.
func TestSecrets_TokenIsWrittenOnce(t *testing.T) {
	r := newRig(t, Settings{})
	r.create("s", 1, "one")
	r.put("s", 2, "two")
	r.put("s", 3, "three")

	again := r.put("s", 2, "two")
	var told struct{ ARN, Name, VersionId string }
	again.into(t, &told)
	if again.status != http.StatusOK || told.VersionId != token(2) || told.Name != "s" || told.ARN != arnOf("s") {
		t.Errorf("a repetition is answered %d %s", again.status, again.body)
	}
	wantSecret(t, r.get("s"), 3, "three") // and it did not become current again

	wantException(t, r.put("s", 2, "another"), "ResourceExistsException")
	wantException(t, r.put("s", 1, "another"), "ResourceExistsException") // the creation's token is taken, too
	wantSecret(t, r.getVersion("s", 2), 2, "two")
	if arrived := len(r.fake.arrived("PutSecretValue")); arrived != 2 {
		t.Errorf("%d puts reached the stand-in, want 2", arrived)
	}
}

// TestSecrets_CreationIsIdempotentByToken: the same pair for CreateSecret.
func TestSecrets_CreationIsIdempotentByToken(t *testing.T) {
	r := newRig(t, Settings{})
	r.create("s", 1, "one")
	if again := r.create("s", 1, "one"); again.status != http.StatusOK {
		t.Errorf("a repetition is answered %d %s", again.status, again.body)
	}
	wantException(t, r.create("s", 1, "another"), "ResourceExistsException")
	wantException(t, r.create("s", 2, "another"), "ResourceExistsException") // the name exists
	wantSecret(t, r.get("s"), 1, "one")
}

// TestSecrets_SameTokenAtOnce: of many equal writes at the same time one
// reaches the service, and all get its answer.
func TestSecrets_SameTokenAtOnce(t *testing.T) {
	r := newRig(t, Settings{})
	r.create("s", 1, "one")
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if a := r.put("s", 2, "two"); a.status != http.StatusOK {
				t.Errorf("answer is %d %s", a.status, a.body)
			}
		})
	}
	all.Wait()
	if arrived := len(r.fake.arrived("PutSecretValue")); arrived != 1 {
		t.Errorf("%d puts reached the stand-in, want 1", arrived)
	}
}

// TestSecrets_RepetitionWaitsForTheFirst: while the first write of a token is
// under way nobody knows its outcome; when it is refused, the repetition
// writes for itself.
func TestSecrets_RepetitionWaitsForTheFirst(t *testing.T) {
	r := newRig(t, Settings{})
	r.create("s", 1, "one")
	entered, leave := make(chan struct{}), make(chan struct{})
	r.fake.mu.Lock()
	r.fake.handlers["PutSecretValue"] = func([]byte) (int, any) {
		close(entered)
		<-leave
		r.fake.handlers["PutSecretValue"] = r.fake.putSecret // the fake's mu is held here
		return http.StatusInternalServerError, map[string]string{"__type": "InternalServiceError"}
	}
	r.fake.mu.Unlock()
	first, second := make(chan reply, 1), make(chan reply, 1)
	go func() { first <- r.put("s", 2, "two") }()
	<-entered
	go func() { second <- r.put("s", 2, "two") }()
	select {
	case a := <-second:
		t.Errorf("answered %d before the first write was", a.status)
	case <-time.After(50 * time.Millisecond):
	}
	close(leave)
	if a := <-first; a.status != http.StatusInternalServerError {
		t.Errorf("the first is answered %d", a.status)
	}
	if a := <-second; a.status != http.StatusOK {
		t.Errorf("the repetition is answered %d %s", a.status, a.body)
	}
	wantSecret(t, r.get("s"), 2, "two")
}

// TestSecrets_OlderVersionsAreServed: the stand-in keeps two, AWS keeps all.
func TestSecrets_OlderVersionsAreServed(t *testing.T) {
	r := newRig(t, Settings{})
	r.create("s", 1, "one")
	for n := 2; n <= 6; n++ {
		r.put("s", n, fmt.Sprint("value ", n))
	}
	wantSecret(t, r.getVersion("s", 1), 1, "one") // by the creation's token, which the stand-in never knew
	wantSecret(t, r.getVersion("s", 3), 3, "value 3")
	wantSecret(t, r.getVersion("s", 6), 6, "value 6")
	wantException(t, r.getVersion("s", 7), "ResourceNotFoundException")
	wantException(t, r.getVersion("none", 1), "ResourceNotFoundException")
}

// TestSecrets_UpdateIsAVersion: UpdateSecret with a value has a token and
// weighs on the quota like a put, also where the stand-in gives it another id.
func TestSecrets_UpdateIsAVersion(t *testing.T) {
	r := newRig(t, Settings{VersionQuota: 2})
	r.create("s", 1, "one")
	a := r.call(serviceSecrets, "UpdateSecret", fmt.Sprintf(`{"SecretId":"s","ClientRequestToken":%q,"SecretString":"two"}`, token(2)))
	var told struct{ VersionId string }
	if a.into(t, &told); told.VersionId != token(2) {
		t.Errorf("the answer is %d %s", a.status, a.body)
	}
	wantSecret(t, r.get("s"), 2, "two")
	wantSecret(t, r.getVersion("s", 2), 2, "two")
	wantException(t, r.put("s", 3, "three"), "LimitExceededException")
	if a := r.call(serviceSecrets, "UpdateSecret", `{"SecretId":"s","Description":"d"}`); a.status != http.StatusOK {
		t.Errorf("an update without a value is refused: %s", a.body)
	}
}

// TestSecrets_OlderVersionNeedsPermission: memory never answers a caller whom
// the stand-in turned away.
func TestSecrets_OlderVersionNeedsPermission(t *testing.T) {
	r := newRig(t, Settings{})
	r.create("s", 1, "one")
	r.fake.answers("GetSecretValue", http.StatusForbidden, `{"__type":"AccessDeniedException"}`)
	if a := r.getVersion("s", 1); a.status != http.StatusForbidden {
		t.Errorf("answer is %d %s", a.status, a.body)
	}
}

func TestSecrets_DeletionDropsVersions(t *testing.T) {
	r := newRig(t, Settings{VersionQuota: 2})
	r.create("s", 1, "one")
	r.put("s", 2, "two")
	r.call(serviceSecrets, "DeleteSecret", `{"SecretId":"s","ForceDeleteWithoutRecovery":true}`)
	wantException(t, r.getVersion("s", 1), "ResourceNotFoundException")
	r.create("s", 1, "another life")
	if a := r.put("s", 2, "of its own"); a.status != http.StatusOK {
		t.Errorf("the new secret inherits the quota of the old: %s", a.body)
	}
	wantSecret(t, r.getVersion("s", 1), 1, "another life")
}

// TestSecrets_RateOfWrites: the three calls share one bucket, reads have none.
func TestSecrets_RateOfWrites(t *testing.T) {
	r := newRig(t, Settings{SecretWrites: 3, VersionQuota: -1})
	r.create("s", 1, "one")
	stage := `{"SecretId":"s","VersionStage":"AWSCURRENT"}`
	r.put("s", 2, "two")
	r.call(serviceSecrets, "UpdateSecret", `{"SecretId":"s","Description":"d"}`)
	r.call(serviceSecrets, "UpdateSecretVersionStage", stage)
	wantException(t, r.put("s", 3, "three"), "ThrottlingException")
	wantException(t, r.call(serviceSecrets, "UpdateSecretVersionStage", stage), "ThrottlingException")
	if a := r.get("s"); a.status != http.StatusOK {
		t.Errorf("a read is throttled: %s", a.body)
	}
	r.pass(334 * time.Millisecond) // one more token
	if a := r.put("s", 3, "three"); a.status != http.StatusOK {
		t.Errorf("after a third of a second: %d %s", a.status, a.body)
	}
	wantException(t, r.put("s", 4, "four"), "ThrottlingException")
	r.pass(time.Hour) // the bucket does not grow beyond a second
	for n := 4; n <= 6; n++ {
		r.put("s", n, "more")
	}
	wantException(t, r.put("s", 7, "seven"), "ThrottlingException")
}

// TestSecrets_ReadsLag: during the delay a new version is not found by its id
// and AWSCURRENT is the one before; after it, both are new.
func TestSecrets_ReadsLag(t *testing.T) {
	r := newRig(t, Settings{SecretDelay: 500})
	r.create("s", 1, "one")
	wantException(t, r.get("s"), "ResourceNotFoundException")
	wantException(t, r.getVersion("s", 1), "ResourceNotFoundException")
	r.pass(500 * time.Millisecond)
	wantSecret(t, r.get("s"), 1, "one")

	r.put("s", 2, "two")
	r.put("s", 3, "three")
	wantSecret(t, r.get("s"), 1, "one")
	wantException(t, r.getVersion("s", 3), "ResourceNotFoundException")
	wantSecret(t, r.getVersion("s", 1), 1, "one")
	r.pass(500 * time.Millisecond)
	wantSecret(t, r.get("s"), 3, "three")
	wantSecret(t, r.getVersion("s", 2), 2, "two")
}

func TestSecrets_ReadsAreFreshByDefault(t *testing.T) {
	r := newRig(t, Settings{})
	r.create("s", 1, "one")
	wantSecret(t, r.get("s"), 1, "one")
	r.put("s", 2, "two")
	wantSecret(t, r.get("s"), 2, "two")
	wantSecret(t, r.getVersion("s", 2), 2, "two")
}

func TestSecrets_NameOfARN(t *testing.T) {
	s := &secrets{byName: map[string]*secret{"a/b-123456": {}}}
	for _, row := range []struct{ id, want string }{
		{"a/b", "a/b"},
		{"arn:aws:secretsmanager:us-east-1:000000000000:secret:a/b-33b54b", "a/b"},
		{"arn:aws:secretsmanager:us-east-1:000000000000:secret:a/b-123456", "a/b-123456"}, // a name that looks like a suffix
		{"arn:aws:secretsmanager:us-east-1:000000000000:secret:a/b", "a/b"},
	} {
		if got := s.nameOf(row.id); got != row.want {
			t.Errorf("nameOf(%s) = %s, want %s", row.id, got, row.want)
		}
	}
}
