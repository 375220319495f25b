package profile

import (
	"bytes"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"sync"
	"time"
)

//go:embed data/*.json
var embedded embed.FS

// load reads the embedded profiles once; they cannot change while the process
// lives.
var load = sync.OnceValues(func() (map[string]Profile, error) {
	dir, err := fs.Sub(embedded, "data")
	if err != nil {
		return nil, fmt.Errorf("opening the embedded profiles: %w", err)
	}
	return read(dir)
})

// ErrUnknown says that no profile has that name.
var ErrUnknown = errors.New("no such provider")

// Load returns every embedded profile, by name. Its error names everything that
// is wrong with any of them; a process calls it at cold start and ends on one,
// so that a bad profile is never met in the middle of a night.
func Load() (map[string]Profile, error) {
	all, err := load()
	return maps.Clone(all), err
}

// ByName returns one profile; ErrUnknown, with the names that there are, when
// there is none. It is safe for concurrent use.
func ByName(name string) (Profile, error) {
	all, err := load()
	if err != nil {
		return Profile{}, err
	}
	p, ok := all[name]
	if !ok {
		return Profile{}, fmt.Errorf("%w: %q (there are %s)", ErrUnknown, name, strings.Join(slices.Sorted(maps.Keys(all)), ", "))
	}
	return p, nil
}

// read decodes and validates every JSON file of dir, and reports the problems
// of all of them together.
func read(dir fs.FS) (map[string]Profile, error) {
	files, err := fs.Glob(dir, "*.json")
	if err != nil {
		return nil, fmt.Errorf("listing profiles: %w", err)
	}
	all := make(map[string]Profile, len(files))
	var problems []error
	for _, file := range files {
		p, err := readOne(dir, file)
		if err != nil {
			problems = append(problems, fmt.Errorf("profile %s: %w", file, err))
			continue
		}
		all[p.Name] = p
	}
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	return all, nil
}

// readOne decodes strictly: a misspelt setting must not become a default.
func readOne(dir fs.FS, file string) (Profile, error) {
	b, err := fs.ReadFile(dir, file)
	if err != nil {
		return Profile{}, err
	}
	var p Profile
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		return Profile{}, fmt.Errorf("decoding: %w", err)
	}
	if d.More() {
		return Profile{}, errors.New("decoding: something follows the profile")
	}
	if want := strings.TrimSuffix(path.Base(file), ".json"); p.Name != want {
		return Profile{}, fmt.Errorf("name is %q: it must be the file's, %q", p.Name, want)
	}
	return p, p.Validate()
}

// AccountFrom splits Account into its source ("none", "claim", "field",
// "userinfo") and the name to look for there.
func (t Token) AccountFrom() (source, name string) {
	source, name, _ = strings.Cut(t.Account, ":")
	return source, name
}

// MarshalJSON writes seconds as a number, with a fraction where there is one.
func (s Seconds) MarshalJSON() ([]byte, error) { return json.Marshal(s.D().Seconds()) }

// UnmarshalJSON reads a number of seconds. Anything that does not fit a
// duration is refused rather than wrapped around.
func (s *Seconds) UnmarshalJSON(b []byte) error {
	var n float64
	if err := json.Unmarshal(b, &n); err != nil {
		return fmt.Errorf("seconds: %w", err)
	}
	const most = float64(1<<63-1) / float64(time.Second)
	if n >= most || n <= -most {
		return fmt.Errorf("seconds: %v is out of range", n)
	}
	*s = Seconds(n * float64(time.Second))
	return nil
}
