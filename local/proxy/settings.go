package proxy

import "time"

// Milliseconds is a duration as the admin API's JSON writes it.
type Milliseconds int64

// Duration is the same length of time as Go counts it.
func (m Milliseconds) Duration() time.Duration { return time.Duration(m) * time.Millisecond }

// Millis rounds d down to whole milliseconds.
func Millis(d time.Duration) Milliseconds { return Milliseconds(d.Milliseconds()) }

// Settings are the rules of AWS that the stand-in does not know. The zero
// value enforces the quotas of AWS with reads that are always fresh.
type Settings struct {
	// VersionQuota is how many versions younger than VersionAge a secret may
	// have. Zero means 100, as on AWS; negative means no quota.
	// https://docs.aws.amazon.com/secretsmanager/latest/userguide/reference_limits.html
	VersionQuota int `json:"version_quota"`

	// VersionAge is how long a version counts against the quota. Zero means
	// 24 hours, as on AWS.
	VersionAge Milliseconds `json:"version_age_ms"`

	// SecretWrites is how many PutSecretValue, UpdateSecret and
	// UpdateSecretVersionStage calls pass in a second, all together. It is
	// also the burst. Zero means 50, as on AWS; negative means no limit.
	SecretWrites int `json:"secret_writes"`

	// SecretDelay is for how long a secret's new version is not seen yet: by
	// its id it is not found, AWSCURRENT is the version before. Zero or
	// negative means that reads are fresh.
	SecretDelay Milliseconds `json:"secret_delay_ms"`

	// IndexDelay is for how long queries on an index do not see a write.
	// Zero or negative means that they are fresh.
	IndexDelay Milliseconds `json:"index_delay_ms"`

	// ReadDelay is for how long reads of a table without ConsistentRead do
	// not see a write. Zero or negative means that they are fresh.
	ReadDelay Milliseconds `json:"read_delay_ms"`
}

func (s Settings) versionQuota() int { return orDefault(s.VersionQuota, 100) }

func (s Settings) versionAge() time.Duration {
	return orDefault(s.VersionAge, Millis(24*time.Hour)).Duration()
}

func (s Settings) secretWrites() int { return orDefault(s.SecretWrites, 50) }

// staleFor is the longest time that a DynamoDB write may stay unseen.
func (s Settings) staleFor() time.Duration {
	return max(s.IndexDelay, s.ReadDelay, 0).Duration()
}

func orDefault[T int | Milliseconds](value, byDefault T) T {
	if value == 0 {
		return byDefault
	}
	return value
}
