package stack

import (
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

func TestPorts_ABusyPortIsNamedWithTheWayOut(t *testing.T) {
	holder, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close()
	busy := holder.Addr().(*net.TCPAddr).Port
	ports, err := portsFrom(busy - 2)
	if err != nil {
		t.Fatal(err)
	}
	err = ports.free()
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"port " + strconv.Itoa(busy) + " for the front door", "--port-base", PortBaseVariable} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error lacks %q: %v", want, err)
		}
	}
}

func TestPorts_FreePortsAreNoError(t *testing.T) {
	ports, err := portsFrom(21290)
	if err != nil {
		t.Fatal(err)
	}
	if err := ports.free(); err != nil {
		t.Skip("something else holds a port of this test:", err)
	}
}

func TestPorts_TheBaseHasRoomForAllFive(t *testing.T) {
	for _, base := range []int{1023, -1, 65532, 70000} {
		if _, err := portsFrom(base); err == nil {
			t.Errorf("port base %d was taken", base)
		}
	}
	for base, last := range map[int]int{0: DefaultPortBase + 4, 1024: 1028, 65531: 65535} {
		ports, err := portsFrom(base)
		if err != nil || ports.Alerts != last {
			t.Errorf("port base %d: last port %d, %v; want %d", base, ports.Alerts, err, last)
		}
	}
}

func TestFindRoot_FromAFolderInside(t *testing.T) {
	root, err := findRoot("")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Errorf("found %s, which is not the project: %v", root, err)
	}
}

func TestFindRoot_OutsideOfAnyProject(t *testing.T) {
	t.Chdir(t.TempDir())
	if root, err := findRoot(""); err == nil {
		t.Errorf("found %s", root)
	}
}

func TestStart_SaysWhatHasNotBeenBuilt(t *testing.T) {
	_, err := Start(t.Context(), Config{Root: t.TempDir(), PortBase: 21290})
	if err == nil || !strings.Contains(err.Error(), "make stage") {
		t.Errorf("error %v; want one that names make stage", err)
	}
}
