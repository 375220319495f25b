package wake

import "crypto/sha256"

// shards of a wake index: enough that no partition of it is hot, few enough to
// query each of them every minute.
const shards = "0123456789abcdef"

// AlertShard is the one shard of the alert index: verdicts are rare.
const AlertShard = "0"

// Shard is where an item's wake is indexed. Key is the id of the grant or of
// the connection; items of one connection share a shard.
func Shard(key string) string {
	return shards[sha256.Sum256([]byte(key))[0]&0xf:][:1]
}

// Shards lists all shards of a wake index.
func Shards() []string {
	all := make([]string, len(shards))
	for i := range all {
		all[i] = shards[i : i+1]
	}
	return all
}
