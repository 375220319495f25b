package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"bellhop/shared/grant"
	"bellhop/shared/secret"
)

// coffer is a vault whose seals can be read by the explorer.
type coffer struct{ *actor }

func (coffer) Ready(context.Context) error { return nil }

func (coffer) Seal(_ grant.ID, base int64, p grant.Pair) (grant.Sealed, error) {
	data := fmt.Sprintf("%s %d %d", p.Refresh.Reveal(), p.Issued.UnixMilli(), p.Expires.UnixMilli())
	return grant.Sealed{Key: "k1", Generation: base, Data: []byte(data)}, nil
}

func (coffer) SealRaw(grant.ID, int64, secret.Text) (grant.Sealed, error) {
	return grant.Sealed{}, errors.New("no answer is unreadable here")
}

func (coffer) Unseal(_ context.Context, _ grant.ID, s grant.Sealed) (grant.Pair, error) {
	fields := strings.Fields(string(s.Data))
	at := func(i int) time.Time { ms, _ := strconv.ParseInt(fields[i], 10, 64); return time.UnixMilli(ms) }
	return grant.Pair{Access: secret.New("access-" + fields[0]), Refresh: secret.New(fields[0]), Issued: at(1), Expires: at(2)}, nil
}

// tokenIn is the refresh token under a seal.
func tokenIn(s grant.Sealed) string { return strings.Fields(string(s.Data))[0] }

// Open and Settle are package vault's own, but for the seal.
func (c coffer) Open(ctx context.Context, g grant.Grant) (grant.Pair, error) {
	if g.Inline != nil {
		return c.Unseal(ctx, g.ID, *g.Inline)
	}
	return c.vault.Open(ctx, g)
}

func (c coffer) Settle(ctx context.Context, g grant.Grant, p grant.Pair) (string, grant.Placement, error) {
	return c.vault.Settle(ctx, g, p)
}

func (coffer) SealBytes(_ context.Context, _ string, plain []byte) (grant.Sealed, error) {
	return grant.Sealed{Key: "k1", Data: plain}, nil
}

func (coffer) OpenBytes(_ context.Context, _ string, s grant.Sealed) ([]byte, error) {
	return s.Data, nil
}

func (coffer) Digest(context.Context, string, secret.Text) (string, error) {
	return "", errors.New("nobody is refused here")
}
