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

// tlsFiles returns the files that server.tls names.
func tlsFiles(t config.TLS) extauthz.TLSFiles {
	return extauthz.TLSFiles{Cert: t.CertFile, Key: t.KeyFile, ClientCA: t.ClientCAFile, ClientNames: t.ClientNames}
}

// CheckCertificates reads the files that server.tls names, and returns what is wrong
// with them, each mistake at the key that names the file.
func CheckCertificates(cfg *config.Config) config.Mistakes {
	if t := cfg.Server.TLS; t.CertFile == "" || t.KeyFile == "" {
		return nil // no TLS, or config has reported the missing key
	}
	_, err := extauthz.ReadCertificates(tlsFiles(cfg.Server.TLS))
	var mistakes config.Mistakes
	for _, err := range joined(err) {
		path := "server.tls"
		if file, ok := errors.AsType[*extauthz.FileError](err); ok {
			path, err = path+"."+file.Key, file.Err
		}
		mistakes = append(mistakes, cfg.Mistake(path, "%s: %v", path, err))
	}
	return mistakes
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

// openCertificates reads the certificates of the gRPC port, and returns how they are
// reloaded; nil without TLS. A reload of the configuration does not change which files
// they are read from.
func openCertificates(
	t config.TLS, logger *slog.Logger, metrics *telemetry.Metrics,
) (*extauthz.Certificates, []engine.Reload, error) {
	if !t.Enabled() {
		return nil, nil, nil
	}
	const name = "certificate"
	watcher := engine.Watch(logger, name, t.Files()...)
	certificates, err := extauthz.ReadCertificates(tlsFiles(t))
	if err != nil {
		return nil, nil, err
	}
	metrics.RegisterCertificate(certificates.Expires)
	return certificates, []engine.Reload{{
		Name: name, Label: "certificate", Watcher: watcher, Count: metrics.CertificateRead,
		Load:   func(context.Context) error { return certificates.Reload() },
		Report: func() { logger.Info("certificate reloaded", "expires", certificates.Expires()) },
	}}, nil
}
