package server

import (
	"context"
	"errors"
	"log/slog"

	"github.com/jwtgate/jwtgate/internal/config"
	"github.com/jwtgate/jwtgate/internal/engine"
	"github.com/jwtgate/jwtgate/internal/extauthz"
	"github.com/jwtgate/jwtgate/internal/telemetry"
)

// CheckCertificates reads the files that server.tls names, and returns what is wrong
// with them, each mistake at the key that names the file.
func CheckCertificates(cfg *config.Config) config.Mistakes {
	_, mistakes := readCertificates(cfg)
	return mistakes
}

// readCertificates returns the certificates of the gRPC port, or what is wrong with them; nil
// without TLS.
func readCertificates(cfg *config.Config) (*extauthz.Certificates, config.Mistakes) {
	t := cfg.Server.TLS
	if t.CertFile == "" || t.KeyFile == "" {
		return nil, nil // no TLS, or config has reported the missing key
	}
	certificates, err := extauthz.ReadCertificates(
		extauthz.TLSFiles{Cert: t.CertFile, Key: t.KeyFile, ClientCA: t.ClientCAFile, ClientNames: t.ClientNames})
	var mistakes config.Mistakes
	for _, err := range joined(err) {
		path := "server.tls"
		if file, ok := errors.AsType[*extauthz.FileError](err); ok {
			path, err = path+"."+file.Key, file.Err
		}
		mistakes = append(mistakes, cfg.Mistake(path, "%s: %v", path, err))
	}
	return certificates, mistakes
}

// joined returns the errors that err joins.
func joined(err error) []error {
	if all, ok := err.(interface{ Unwrap() []error }); ok {
		return all.Unwrap()
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

// certificates are those of the gRPC port. They are read once, when the configuration is
// validated, and from then on when they change. A reload of the configuration does not change
// which files they are read from.
type certificates struct {
	logger  *slog.Logger
	metrics *telemetry.Metrics
	live    *extauthz.Certificates // nil without TLS
	reloads []engine.Reload
}

// open watches the files and reads them, in this order, so that it misses no change.
func (c *certificates) open(cfg *config.Config) (mistakes config.Mistakes) {
	if !cfg.Server.TLS.Enabled() {
		return nil
	}
	const name = "certificate"
	watcher := engine.Watch(c.logger, name, cfg.Server.TLS.Files()...)
	if c.live, mistakes = readCertificates(cfg); c.live == nil {
		return mistakes
	}
	c.metrics.RegisterCertificate(c.live.Expires)
	c.reloads = []engine.Reload{{
		Name: name, Label: "certificate", Watcher: watcher, Count: c.metrics.CertificateRead,
		Load:   func(context.Context) error { return c.live.Reload() },
		Report: func() { c.logger.Info("certificate reloaded", "expires", c.live.Expires()) },
	}}
	return nil
}
