// dispatch assigns couriers to jobs: pgx for the jobs, zap for the log.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/jackc/pgx/v4/pgxpool"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

type Server struct {
	log      *zap.Logger
	pool     *pgxpool.Pool
	couriers *Registry
}

func logger() *zap.Logger {
	c := zap.NewProductionConfig()
	c.EncoderConfig.TimeKey = "ts"
	c.EncoderConfig.EncodeTime = zapcore.ISO8601TimeEncoder
	if os.Getenv("DISPATCH_CLOUD_LOG") != "" {
		c.EncoderConfig.LevelKey, c.EncoderConfig.MessageKey, c.EncoderConfig.TimeKey = "severity", "message", "timestamp"
		c.EncoderConfig.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	}
	l, _ := c.Build()
	return l.With(zap.String("service", "dispatch"))
}

func (s *Server) connect(ctx context.Context) error {
	cfg, err := pgxpool.ParseConfig(os.Getenv("DISPATCH_PG"))
	if err != nil {
		return fmt.Errorf("parse DISPATCH_PG: %w", err)
	}
	cfg.ConnConfig.ConnectTimeout = 3 * time.Second
	if v, err := strconv.Atoi(os.Getenv("DISPATCH_POOL")); err == nil {
		cfg.MinConns, cfg.MaxConns = int32(v), int32(v)
	}
	if s.pool, err = pgxpool.ConnectConfig(ctx, cfg); err != nil {
		return fmt.Errorf("job store: %w", err)
	}
	return nil
}

func (s *Server) couriersFrom(ctx context.Context, url string) error {
	for i := 1; i <= 2; i++ {
		r, err := http.Get(url)
		if err == nil && r.StatusCode == 200 {
			r.Body.Close()
			return nil
		}
		if err == nil {
			err = fmt.Errorf("GET %s: unexpected status %s", url, r.Status)
			r.Body.Close()
		}
		s.log.Warn("courier directory", zap.Int("try", i), zap.Error(err))
		time.Sleep(300 * time.Millisecond)
		if i == 2 {
			return fmt.Errorf("courier directory: %w", err)
		}
	}
	return nil
}

func (s *Server) jobs(ctx context.Context) (n int, err error) {
	err = s.pool.QueryRow(ctx, "select count(*) from job where state = 'waiting'").Scan(&n)
	if err != nil {
		err = fmt.Errorf("count waiting jobs: %w", err)
	}
	return n, err
}

func main() {
	s := &Server{log: logger()}
	defer s.log.Sync()
	ctx := context.Background()
	s.log.Info("dispatch starting", zap.String("build", "2024.44.1"), zap.Int("pid", os.Getpid()))
	if r, err := http.Post("http://127.0.0.1:4318/v1/traces", "application/json", nil); err != nil {
		s.log.Error("failed to upload traces", zap.Error(err))
	} else {
		r.Body.Close()
	}
	if err := s.connect(ctx); err != nil {
		s.log.Fatal("startup aborted", zap.Error(err))
	}
	s.log.Info("job store connected", zap.Int32("connections", s.pool.Stat().TotalConns()))
	if u := os.Getenv("DISPATCH_DIRECTORY"); u != "" {
		if err := s.couriersFrom(ctx, u); err != nil {
			s.log.Fatal("startup aborted", zap.Error(err))
		}
	}
	if f := os.Getenv("DISPATCH_FLAGS"); f != "" {
		if b, err := os.ReadFile(f); err != nil {
			s.log.Fatal("startup aborted", zap.Error(fmt.Errorf("feature flags: %w", err)))
		} else {
			s.log.Info("feature flags", zap.Int("bytes", len(b)))
		}
	}
	n, err := s.jobs(ctx)
	if err != nil {
		s.log.Fatal("startup aborted", zap.Error(err))
	}
	s.couriers = NewRegistry()
	s.couriers.Add("depot-north", "van")
	s.log.Info("courier registry ready", zap.Int("waiting_jobs", n))
	addr := ":8090"
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.log.Info("request", zap.String("path", r.URL.Path), zap.Int("status", 200))
		fmt.Fprintln(w, "ok")
	})
	go func() { time.Sleep(50 * time.Millisecond); s.log.Info("serving", zap.String("addr", addr)) }()
	if err := http.ListenAndServe(addr, nil); err != nil {
		s.log.Fatal("startup aborted", zap.Error(err))
	}
}
