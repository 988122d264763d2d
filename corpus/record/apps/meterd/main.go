// meterd collects meter readings and stores them in Postgres (lib/pq).
package main

import (
	"database/sql"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	_ "github.com/lib/pq"
)

type config struct {
	dsn, listen, admin string
	flush              time.Duration
	shards             int
}

var errUnset = errors.New("not set")

func need(name string) (string, error) {
	v, ok := os.LookupEnv(name)
	if !ok || v == "" {
		return "", fmt.Errorf("%s: %w", name, errUnset)
	}
	return v, nil
}

func or(name, d string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return d
}

func loadConfig() (c config, err error) {
	if c.dsn, err = need("METERD_STORE"); err != nil {
		return c, fmt.Errorf("config: %w", err)
	}
	if _, err = need("METERD_SITE_ID"); err != nil {
		return c, fmt.Errorf("config: %w", err)
	}
	if c.flush, err = time.ParseDuration(or("METERD_FLUSH", "15s")); err != nil {
		return c, fmt.Errorf("config: METERD_FLUSH: %w", err)
	}
	if c.shards, err = strconv.Atoi(or("METERD_SHARDS", "4")); err != nil {
		return c, fmt.Errorf("config: METERD_SHARDS: %w", err)
	}
	c.listen, c.admin = or("METERD_LISTEN", ":8443"), or("METERD_ADMIN", "127.0.0.1:9102")
	return c, nil
}

func openStore(c config) (*sql.DB, error) {
	db, err := sql.Open("postgres", c.dsn)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	tries, _ := strconv.Atoi(or("METERD_STORE_TRIES", "1"))
	for i := 1; ; i++ {
		if err = db.Ping(); err == nil {
			break
		}
		if i >= tries {
			return nil, fmt.Errorf("open store: ping: %w", err)
		}
		log.Printf("store: ping %d of %d: %v", i, tries, err)
		time.Sleep(600 * time.Millisecond)
	}
	var n int
	if err := db.QueryRow("select count(*) from reading_window where open").Scan(&n); err != nil {
		return nil, fmt.Errorf("open store: windows: %w", err)
	}
	log.Printf("store: %d open windows", n)
	return db, nil
}

func announce() {
	gw := or("METERD_GATEWAY", "127.0.0.1:5683")
	if c, err := net.DialTimeout("tcp", gw, time.Second); err != nil {
		log.Printf("warning: gateway announce failed: %v (will be retried)", err)
	} else {
		c.Close()
	}
}

func main() {
	log.SetFlags(log.LstdFlags | log.Lmicroseconds | log.Lmsgprefix)
	log.SetPrefix("meterd: ")
	log.Print("version 1.18.3 starting")
	if _, err := os.Stat("/etc/meterd/calibration.csv"); err != nil {
		log.Printf("warning: no calibration table: %v", err)
	}
	announce()
	c, err := loadConfig()
	if err != nil {
		log.Fatal(err)
	}
	admin, err := net.Listen("tcp", c.admin)
	if err != nil {
		log.Fatalf("admin endpoint: %v", err)
	}
	go http.Serve(admin, nil)
	db, err := openStore(c)
	if err != nil {
		log.Fatalf("startup: %v", err)
	}
	queues := startShards(c.shards)
	http.HandleFunc("/ingest", func(w http.ResponseWriter, r *http.Request) {
		queues[0] <- r.URL.Path
		fmt.Fprintln(w, db.Stats().OpenConnections)
	})
	l, err := net.Listen("tcp", c.listen)
	if err != nil {
		log.Fatalf("startup: ingest endpoint: %v", err)
	}
	log.Printf("ready: ingest on %s, flush every %s", l.Addr(), c.flush)
	log.Fatal(http.Serve(l, nil))
}
