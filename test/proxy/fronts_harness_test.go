package proxy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	crand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sse-typewriter/internal/testenv"
)

// front is a proxy in front of a server.
type front struct {
	base    string
	restart func() // at the same address; all connections are cut
}

// fronts are all recommended proxies. start runs one until the end of the test.
var fronts = []struct {
	name  string
	start func(*testing.T, *testenv.Program) front
	// keepsForwardedFor reports whether the proxy appends to a client's
	// X-Forwarded-For.
	keepsForwardedFor bool
}{
	{"nginx", func(t *testing.T, s *testenv.Program) front {
		n := startNginx(t, s)
		return front{n.base, n.restart}
	}, true},
	{"nginx with TLS", func(t *testing.T, s *testenv.Program) front {
		n := startNginx(t, s)
		return front{n.secure, n.restart}
	}, true},
	{"Caddy", func(t *testing.T, s *testenv.Program) front {
		c := startCaddy(t, s.Address())
		return front{c.base, c.restart}
	}, false},
}

// trust is the TLS configuration of clients that trust the certificate of all fronts.
var trust *tls.Config

// certFile and keyFile return the paths of that certificate and its key.
func certFile() string { return filepath.Join(testenv.Folder(), "cert.pem") }
func keyFile() string  { return filepath.Join(testenv.Folder(), "key.pem") }

// makeCertificate makes a certificate for the loopback address and makes
// [http.DefaultClient] trust it.
func makeCertificate() error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), crand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(crand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	trust = &tls.Config{RootCAs: x509.NewCertPool()}
	trust.RootCAs.AddCert(cert)
	http.DefaultTransport.(*http.Transport).TLSClientConfig = trust.Clone()
	return errors.Join(
		os.WriteFile(certFile(), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600),
		os.WriteFile(keyFile(), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600),
	)
}

// newClient returns a client with its own connections that uses HTTP/2 where available,
// as browsers do.
func newClient(t *testing.T) *http.Client {
	transport := &http.Transport{TLSClientConfig: trust.Clone(), ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// newHTTP1Client returns a client that only uses HTTP/1.1.
func newHTTP1Client(t *testing.T) *http.Client {
	transport := &http.Transport{TLSClientConfig: trust.Clone()}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// recommended returns the text of a file in deploy.
func recommended(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../../deploy/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// replaceOnce applies replacements to texts. The old text of each must occur exactly
// once in all of them.
func replaceOnce(t *testing.T, changes [][2]string, texts ...*string) {
	t.Helper()
	for _, c := range changes {
		found := 0
		for _, text := range texts {
			found += strings.Count(*text, c[0])
			*text = strings.Replace(*text, c[0], c[1], 1)
		}
		if found != 1 {
			t.Fatalf("%d places in deploy have %q, want 1", found, c[0])
		}
	}
}

// findProgram returns the path of a program, or skips the test.
func findProgram(t *testing.T, program string) string {
	t.Helper()
	for _, name := range []string{program, "/usr/sbin/" + program} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Skip(program + " is not installed: scripts/install-test-deps does that")
	return ""
}
