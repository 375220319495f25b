package settings

import (
	"log/slog"
	"strings"
	"testing"
)

type sample struct {
	Stack  string     `env:"STACK" is:"stack"`
	Table  string     `env:"GRANTS_TABLE" is:"table"`
	Queue  string     `env:"RATES_QUEUE_URL" is:"queue"`
	Keys   string     `env:"KEYS_SECRET" is:"secret"`
	Prefix string     `env:"SECRETS_PREFIX" is:"prefix"`
	Public string     `env:"PUBLIC_URL" is:"origin"`
	Level  slog.Level `env:"LOG_LEVEL" envDefault:"INFO" is:"level"`
}

func good() map[string]string {
	return map[string]string{
		"STACK": "bellhop", "GRANTS_TABLE": "t", "RATES_QUEUE_URL": "https://sqs.example.com/1/q", "KEYS_SECRET": "bellhop/keys",
		"SECRETS_PREFIX": "bellhop/", "PUBLIC_URL": "https://connect.example.com",
	}
}

func read(e map[string]string) (sample, error) {
	return Read[sample](func(name string) string { return e[name] })
}

func TestRead_FillsWhatIsThereAndDefaultsTheLevel(t *testing.T) {
	got, err := read(good())
	want := sample{"bellhop", "t", "https://sqs.example.com/1/q", "bellhop/keys", "bellhop/", "https://connect.example.com", slog.LevelInfo}
	if err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestRead_EachVariableThatIsWrongIsNamedWithAGoodValue(t *testing.T) {
	for name, row := range map[string]struct{ bad, want string }{
		"STACK":           {"", "such as bellhop"},
		"GRANTS_TABLE":    {"", "GrantsTable"},
		"RATES_QUEUE_URL": {"rates", "https://sqs."},
		"KEYS_SECRET":     {"", "bellhop/keys"},
		"SECRETS_PREFIX":  {"bellhop", "slash"},
		"PUBLIC_URL":      {"https://connect.example.com/", "without a path"},
		"LOG_LEVEL":       {"LOUD", "DEBUG"},
	} {
		e := good()
		e[name] = row.bad
		_, err := read(e)
		if err == nil || !strings.HasPrefix(err.Error(), name+" is ") || !strings.Contains(err.Error(), row.want) {
			t.Errorf("%s=%q: %v, want its name and %q", name, row.bad, err, row.want)
		}
		if err != nil && strings.Contains(err.Error(), "\n") {
			t.Errorf("%s alone is wrong, but: %v", name, err)
		}
	}
}

func TestRead_AllProblemsTogether(t *testing.T) {
	_, err := read(map[string]string{"LOG_LEVEL": "LOUD"})
	if err == nil {
		t.Fatal("an empty environment is fine")
	}
	if n := strings.Count(err.Error(), ": want "); n != 7 {
		t.Errorf("%d problems, want 7: %v", n, err)
	}
}

func TestRead_OriginsAndQueues(t *testing.T) {
	for value, ok := range map[string]bool{
		"https://connect.example.com": true, "http://127.0.0.1:18642": true, "connect.example.com": false,
		"https://x/y": false, "https://x?y": false, "https://": false, "ftp://x": false, "https://x#y": false,
	} {
		if isOrigin(value) != ok {
			t.Errorf("origin %q: %v", value, !ok)
		}
	}
	if isPrefix("/") || !isPrefix("a/") {
		t.Error("a prefix is a name and a slash")
	}
}
