package proxy

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// PIDOf finds the process of this machine that holds the client's end of a
// connection, by the address that the server sees. It works while the
// connection is open and for processes of the same user.
//
// Linux: /proc/net/tcp names the socket's inode (proc(5)), the process has it
// among its open files. Elsewhere it is an error.
func PIDOf(remoteAddr string) (int, error) {
	address, err := netip.ParseAddrPort(remoteAddr)
	if err != nil {
		return 0, fmt.Errorf("parsing address: %w", err)
	}
	for _, list := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		inode, err := socketInode(list, address)
		if err != nil {
			return 0, err
		}
		if inode != "" {
			return holderOf("socket:[" + inode + "]")
		}
	}
	return 0, fmt.Errorf("no socket has the address %s", remoteAddr)
}

// socketInode searches a list of sockets for one with this local address. It
// is empty when there is none.
func socketInode(list string, address netip.AddrPort) (string, error) {
	text, err := os.ReadFile(list)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("reading sockets: %w", err)
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 10 {
			continue
		}
		local, err := procAddress(fields[1])
		if err == nil && local.Port() == address.Port() && local.Addr().Unmap() == address.Addr().Unmap() && fields[9] != "0" {
			return fields[9], nil
		}
	}
	return "", nil
}

// procAddress reads "0100007F:1F90": words in the machine's byte order, which
// is little endian wherever Go and Lambda run together.
func procAddress(text string) (netip.AddrPort, error) {
	host, port, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(host)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("decoding address: %w", err)
	}
	number, err := strconv.ParseUint(port, 16, 16)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("decoding port: %w", err)
	}
	for i := 0; i+4 <= len(raw); i += 4 {
		binary.BigEndian.PutUint32(raw[i:], binary.LittleEndian.Uint32(raw[i:]))
	}
	addr, ok := netip.AddrFromSlice(raw)
	if !ok {
		return netip.AddrPort{}, fmt.Errorf("decoding address: %d bytes", len(raw))
	}
	return netip.AddrPortFrom(addr, uint16(number)), nil
}

// holderOf finds the process that has the file open.
func holderOf(link string) (int, error) {
	processes, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, fmt.Errorf("listing processes: %w", err)
	}
	for _, process := range processes {
		files, err := os.ReadDir(process + "/fd")
		if err != nil {
			continue // another user's, or gone
		}
		for _, file := range files {
			if target, err := os.Readlink(process + "/fd/" + file.Name()); err == nil && target == link {
				return strconv.Atoi(filepath.Base(process))
			}
		}
	}
	return 0, fmt.Errorf("no process holds %s", link)
}
