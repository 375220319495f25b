package vault

import (
	"testing"

	"bellhop/shared/grant"
	"bellhop/shared/granttest"
)

func TestInline_Suite(t *testing.T) {
	granttest.HomeSuite(t, func(*testing.T) grant.Home { return Inline{} })
}
