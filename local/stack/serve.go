package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"time"

	"bellhop/local/proxy"
	"bellhop/local/sandbox"
)

// startProxy puts the proxy in front of MiniStack.
func (s *Stack) startProxy(ctx context.Context) error {
	var err error
	s.proxied, err = proxy.New(proxy.Config{
		Upstream:    address(s.Ports.MiniStack),
		Settings:    s.config.Proxy,
		Credentials: proxy.Credentials{AccessKey: accessKey, SecretKey: secretKey},
		Observe:     s.config.Observe,
	})
	if err != nil {
		return err
	}
	return s.serve(ctx, "proxy", s.Ports.AWS, s.proxied)
}

func (s *Stack) startSandbox(ctx context.Context) {
	config := s.config.Sandbox
	config.BaseURL = address(s.Ports.Sandbox)
	s.Sandbox = sandbox.New(config)
	s.servers.Go(func() {
		if err := s.Sandbox.Serve(ctx, loopback(s.Ports.Sandbox)); err != nil {
			s.fail(fmt.Errorf("serving the sandbox: %w", err))
		}
	})
}

func (s *Stack) startFrontDoor(ctx context.Context) error {
	return s.serve(ctx, "front door", s.Ports.Front, frontDoor(s.Ports.MiniStack, s.Outputs.APIID))
}

// serve answers on a loopback port until ctx ends.
func (s *Stack) serve(ctx context.Context, what string, port int, handler http.Handler) error {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", loopback(port))
	if err != nil {
		return fmt.Errorf("listening for the %s: %w", what, err)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	s.servers.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.fail(fmt.Errorf("serving the %s: %w", what, err))
		}
	})
	return nil
}

// frontDoor gives the HTTP API an address that a browser on this machine can
// open. MiniStack tells the API from everything else by its Host, which is the
// API's own name; on AWS that name is in the DNS.
func frontDoor(port int, apiID string) http.Handler {
	upstream := &url.URL{Scheme: "http", Host: loopback(port)}
	return &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(upstream)
			r.SetXForwarded()
			r.Out.Host = fmt.Sprintf("%s.execute-api.localhost:%d", apiID, port)
		},
	}
}
