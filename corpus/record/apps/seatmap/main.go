// seatmap keeps the seat maps of aircraft cabins.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	_ "github.com/lib/pq"
	"golang.org/x/exp/slog"
)

const version = "0.44.2"

func env(k, d string) string {
	if v, ok := os.LookupEnv(k); ok {
		return v
	}
	return d
}

// fetchKeys asks the key service for the tenants' signing keys.
func fetchKeys(ctx context.Context, base string) (int, error) {
	req, err := http.NewRequestWithContext(ctx, "GET", base+"/v1/projects/cabin/secrets:list", nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("User-Agent", "seatmap/"+version)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(io.LimitReader(res.Body, 800))
	if res.StatusCode != 200 {
		return 0, fmt.Errorf("GET %s: %s: %s", req.URL, res.Status, strings.TrimSpace(string(b)))
	}
	return strings.Count(string(b), "\n"), nil
}

func openStore(ctx context.Context) (*sql.DB, error) {
	db, err := sql.Open("postgres", env("SEATMAP_DSN", ""))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(8)
	tries := 2
	for i := 1; ; i++ {
		c, cancel := context.WithTimeout(ctx, 5*time.Second)
		err = db.PingContext(c)
		cancel()
		if err == nil {
			return db, nil
		}
		if i == tries {
			return nil, fmt.Errorf("seat store: %w", err)
		}
		slog.Warn("seat store not reachable, trying again", "try", i, "err", err.Error())
		time.Sleep(600 * time.Millisecond)
	}
}

func run(ctx context.Context) error {
	if _, err := os.Stat("/etc/seatmap/overrides.d"); errors.Is(err, os.ErrNotExist) {
		slog.Info("no override directory", "path", "/etc/seatmap/overrides.d")
	}
	if c, err := net.DialTimeout("tcp", env("SEATMAP_TRACE", "127.0.0.1:4318"), 300*time.Millisecond); err != nil {
		slog.Warn("trace export disabled", "err", err.Error())
	} else {
		c.Close()
	}
	if base := env("SEATMAP_KEYS", ""); base != "" {
		n, err := fetchKeys(ctx, base)
		if err != nil {
			return fmt.Errorf("loading signing keys: %w", err)
		}
		slog.Info("signing keys loaded", "keys", n)
	}
	db, err := openStore(ctx)
	if err != nil {
		return err
	}
	var cabins int
	if err := db.QueryRowContext(ctx, "select count(*) from cabin").Scan(&cabins); err != nil {
		return fmt.Errorf("counting cabins: %w", err)
	}
	slog.Info("cabins known", "count", cabins)
	if _, err := db.ExecContext(ctx, "insert into node_lease(node, taken_at) values ($1, now()) on conflict (node) do update set taken_at = now()", env("HOSTNAME", "seatmap")); err != nil {
		return fmt.Errorf("taking the node lease: %w", err)
	}
	slog.Info("node lease taken")
	l, err := net.Listen("tcp", env("SEATMAP_ADDR", ":8700"))
	if err != nil {
		return err
	}
	slog.Info("serving seat maps", "addr", l.Addr().String())
	return http.Serve(l, http.NotFoundHandler())
}

func main() {
	slog.SetDefault(slog.New(slog.NewJSONHandler(os.Stderr)).With("svc", "seatmap"))
	slog.Info("starting", "version", version, "pid", os.Getpid())
	if err := run(context.Background()); err != nil {
		slog.Error("seatmap cannot run", err)
		os.Exit(1)
	}
}
