package secretsmanager

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"bellhop/shared/grant"
)

const (
	// quota is how many versions younger than a day a secret takes; AWS says
	// "approximately".
	quota = 100
	// DefaultVersions is the most versions that one secret gets, unless it is
	// set otherwise. It leaves room for versions that were written and, after a
	// crash, never counted.
	DefaultVersions = 90
	// window is how long a version counts against the quota.
	window = 24 * time.Hour
)

// folderOf and the two below name secrets under a stack's prefix ("<stack>/").
func folderOf(prefix string, id grant.ID) string { return fmt.Sprintf("%sgrant/%s/", prefix, id) }

func secretOf(prefix string, id grant.ID, epoch int64) string {
	return folderOf(prefix, id) + strconv.FormatInt(epoch, 10)
}

func clientSecretOf(prefix, client string) string { return prefix + "client/" + client }

// versionOf is the version's id and its request token: the same pair is the
// same version however often it is put, and another pair cannot take its place.
func versionOf(id grant.ID, generation int64) string {
	return uuid.NewSHA1(versions, fmt.Appendf(nil, "%s\x00%d", id, generation)).String()
}

// versions is the name space of our version ids, a random one made once.
var versions = uuid.MustParse("5f0c1b6e-7a55-4d0a-9c3e-0b7b6f6c2d41")

// refTo and parseRef: a reference names its epoch itself, so that it can be
// followed whatever the placement says by then.
func refTo(epoch int64, version string) string { return fmt.Sprintf("%d/%s", epoch, version) }

func parseRef(ref string) (epoch int64, version string, ok bool) {
	e, version, ok := strings.Cut(ref, "/")
	epoch, err := strconv.ParseInt(e, 10, 64)
	return epoch, version, ok && err == nil && version != ""
}

// threshold is how many versions the secrets of this grant get. It is up to a
// fifth below most, by a hash of the id: a fleet that was connected on one day
// does not turn on one minute.
func threshold(id grant.ID, most int) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id))
	return most - int(h.Sum32()%uint32(most/5+1))
}

// due reports whether the next version would come too near the quota. Versions
// older than a day do not count: a secret that took them slowly is not full. An
// uneven pace may fool this; then Secrets Manager says so itself.
func due(at grant.Placement, most int, now time.Time) bool {
	return at.Writes >= most && now.Sub(at.Since) <= window*time.Duration(at.Writes)/time.Duration(most)
}

// turned is the placement in the next epoch, with former secrets named for
// deletion, each once. A grant that never moved begins its first.
func turned(at grant.Placement, former ...string) grant.Placement {
	next := grant.Placement{Epoch: at.Epoch + 1, Retired: slices.Clone(at.Retired)}
	for _, name := range former {
		if at.Epoch > 0 && !slices.Contains(next.Retired, name) {
			next.Retired = append(next.Retired, name)
		}
	}
	return next
}

// counted is the placement after one more version.
func counted(at grant.Placement, now time.Time) grant.Placement {
	if at.Writes == 0 {
		at.Since = now
	}
	at.Writes++
	at.Put = now
	return at
}
