package secretsmanager

import (
	"sync"

	"bellhop/shared/grant"
)

// keep remembers, for as long as the process lives, the pair that it put or
// read last of each grant. A version never changes, so what is kept is right or
// is not asked for; it saves a read at every refresh, and it is what a refresher
// goes on with while Secrets Manager answers no read. It is safe for concurrent
// use.
type keep struct {
	most int // grants; zero keeps none

	mu    sync.Mutex
	pairs map[grant.ID]keptPair // guarded by mu
}

type keptPair struct {
	ref  string
	pair grant.Pair
}

// put remembers p as what g.Ref names. When there is no room, any other grant's
// is forgotten: which one costs a read at most.
func (k *keep) put(id grant.ID, ref string, p grant.Pair) {
	if k.most == 0 {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.pairs == nil {
		k.pairs = map[grant.ID]keptPair{}
	}
	for other := range k.pairs {
		if _, here := k.pairs[id]; here || len(k.pairs) < k.most {
			break
		}
		delete(k.pairs, other)
	}
	k.pairs[id] = keptPair{ref, p}
}

// get returns the pair that g.Ref names, if it is kept. Its time of issue must
// be the grant's too: a grant that was removed and added again counts its
// generations anew, and names its versions as before.
func (k *keep) get(g grant.Grant) (grant.Pair, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	kept, ok := k.pairs[g.ID]
	return kept.pair, ok && kept.ref == g.Ref && kept.pair.Issued.UnixMilli() == g.Issued.UnixMilli()
}
