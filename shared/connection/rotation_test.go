package connection_test

import (
	"testing"
	"time"

	"bellhop/shared/connection"
	"bellhop/shared/profile"
)

func TestClient_RotationOver(t *testing.T) {
	documented := profile.Rotation{Policy: "detect"}
	if got := (connection.Client{}).RotationOver(documented); got != documented {
		t.Errorf("without an override: %+v", got)
	}
	own := profile.Rotation{Policy: "grace", Grace: profile.Seconds(30 * time.Second)}
	if got := (connection.Client{Rotation: &own}).RotationOver(documented); got != own {
		t.Errorf("with one: %+v", got)
	}
}
