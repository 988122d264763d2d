// turnstile lets people with a pass through the gates of a stadium.
package main

import (
	"crypto/rand"
	"database/sql"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"github.com/go-kit/log"
	"github.com/go-kit/log/level"
	"github.com/kelseyhightower/envconfig"
	_ "github.com/lib/pq"
)

type settings struct {
	GateID   string `required:"true" envconfig:"GATE_ID"`
	Database string `required:"true"`
	Spool    string `default:"/var/spool/turnstile"`
	SpoolMB  int    `envconfig:"SPOOL_MB" default:"8"`
	Keys     string
	Listen   string        `default:":8610"`
	Patience time.Duration `default:"4s"`
	Terse    bool
}

func spool(cfg settings, l log.Logger) error {
	for i := 0; i < cfg.SpoolMB; i++ {
		name := filepath.Join(cfg.Spool, fmt.Sprintf("passage.%03d", i))
		if fi, err := os.Stat(name); err == nil && fi.Size() == 1<<20 {
			continue
		}
		f, err := os.Create(name)
		if err != nil {
			return err
		}
		block := make([]byte, 1<<20)
		rand.Read(block)
		if _, err = f.Write(block); err != nil {
			f.Close()
			return err
		}
		f.Close()
	}
	level.Info(l).Log("msg", "offline spool laid out", "dir", cfg.Spool, "segments", cfg.SpoolMB)
	return nil
}

func keys(cfg settings, l log.Logger) error {
	if cfg.Keys == "" {
		return nil
	}
	c := http.Client{Timeout: cfg.Patience}
	for n := 1; ; n++ {
		r, err := c.Get(cfg.Keys)
		if err == nil {
			b, _ := io.ReadAll(io.LimitReader(r.Body, 1<<16))
			r.Body.Close()
			if r.StatusCode == 200 {
				var set struct{ Keys []json.RawMessage }
				if err = json.Unmarshal(b, &set); err == nil {
					level.Info(l).Log("msg", "pass issuer's keys read", "count", len(set.Keys))
					return nil
				}
			} else {
				err = fmt.Errorf("GET %s: %s", cfg.Keys, r.Status)
			}
		}
		if n == 3 {
			return fmt.Errorf("pass issuer: %w", err)
		}
		level.Debug(l).Log("msg", "pass issuer", "try", n, "err", err)
		time.Sleep(500 * time.Millisecond)
	}
}

func passes(cfg settings, l log.Logger) (*sql.DB, error) {
	db, err := sql.Open("postgres", cfg.Database)
	if err != nil {
		return nil, err
	}
	var n int
	if err = db.QueryRow("select count(*) from season_pass where valid_until > now()").Scan(&n); err != nil {
		return nil, err
	}
	level.Info(l).Log("msg", "season passes counted", "valid", n)
	return db, nil
}

func boot(l log.Logger) error {
	var cfg settings
	if err := envconfig.Process("turnstile", &cfg); err != nil {
		return err
	}
	l = log.With(l, "gate", cfg.GateID)
	level.Info(l).Log("msg", "turnstile", "version", "0.19.2", "listen", cfg.Listen)
	if _, err := os.Open("/dev/ttyTURN0"); err != nil {
		level.Warn(l).Log("msg", "barrier motor not attached, simulating it", "err", err)
	}
	if f, err := os.ReadFile("/etc/turnstile/blocklist.csv"); err != nil {
		level.Warn(l).Log("msg", "no blocklist", "err", err)
	} else {
		level.Info(l).Log("msg", "blocklist", "bytes", len(f))
	}
	for _, step := range []func() error{func() error { return spool(cfg, l) }, func() error { return keys(cfg, l) }, func() error { _, err := passes(cfg, l); return err }} {
		if err := step(); err != nil {
			if cfg.Terse {
				return fmt.Errorf("gate not opened")
			}
			return err
		}
	}
	http.HandleFunc("/healthz", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok\n") })
	level.Info(l).Log("msg", "gate open", "listen", cfg.Listen)
	return http.ListenAndServe(cfg.Listen, nil)
}

func main() {
	l := log.With(log.NewLogfmtLogger(log.NewSyncWriter(os.Stderr)), "ts", log.DefaultTimestampUTC, "caller", log.DefaultCaller)
	if err := boot(l); err != nil {
		level.Error(l).Log("msg", "gate stays shut", "err", err)
		os.Exit(1)
	}
}
