// Command quarry keeps the weighbridge tickets of a stone quarry.
package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"strings"
	"time"

	_ "github.com/lib/pq"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

var log *zap.Logger

func logger() *zap.Logger {
	ec := zap.NewProductionEncoderConfig()
	ec.EncodeTime = zapcore.TimeEncoderOfLayout("2006/01/02 15:04:05.000")
	ec.EncodeLevel = zapcore.CapitalLevelEncoder
	enc := zapcore.NewConsoleEncoder(ec)
	if os.Getenv("QUARRY_LOG") == "json" {
		ec.EncodeTime, ec.TimeKey, ec.LevelKey, ec.MessageKey, ec.EncodeLevel = zapcore.RFC3339NanoTimeEncoder, "time", "severity", "message", zapcore.CapitalLevelEncoder
		enc = zapcore.NewJSONEncoder(ec)
	}
	return zap.New(zapcore.NewCore(enc, zapcore.Lock(os.Stderr), zap.InfoLevel)).Named("quarry")
}

// Rule is one line of QUARRY_HAULIERS: name/axles/limit.
type Rule struct{ Name, Axles, Limit string }

func hauliers(s string) (out []Rule) {
	for _, one := range strings.Split(s, ",") {
		p := strings.Split(one, "/")
		out = append(out, Rule{p[0], p[1], p[2]})
	}
	return out
}

func open(dsn string) (*sql.DB, error) {
	db, err := sql.Open("postgres", dsn)
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		err = db.PingContext(ctx)
		cancel()
		if err == nil || try == 3 {
			return db, err
		}
		log.Warn("ticket store not reached", zap.Int("try", try), zap.Error(err))
		time.Sleep(700 * time.Millisecond)
	}
}

func main() {
	log = logger()
	log.Info("quarry wakes up", zap.String("version", "2.8.1"), zap.Int("pid", os.Getpid()))
	if _, err := os.ReadFile("/etc/quarry/holidays.ics"); err != nil {
		log.Warn("no holiday calendar, every day is a working day", zap.Error(err))
	}
	client := http.Client{Timeout: 1500 * time.Millisecond}
	if _, err := client.Get("http://127.0.0.1:4318/v1/traces"); err != nil {
		log.Warn("trace collector is away, spans are dropped", zap.Error(err))
	}
	key, err := os.ReadFile(env("QUARRY_SEAL", "/run/secrets/quarry/seal.pem"))
	if err != nil {
		log.Fatal("tickets cannot be sealed", zap.Error(err))
	}
	log.Info("seal loaded", zap.Int("bytes", len(key)))
	db, err := open(os.Getenv("QUARRY_STORE"))
	if err != nil {
		log.Fatal("ticket store out of reach", zap.Error(err))
	}
	var n int
	if err := db.QueryRow("select count(*) from ticket").Scan(&n); err != nil {
		log.Fatal("tickets unreadable", zap.Error(err))
	}
	log.Info("tickets on file", zap.Int("count", n))
	table := map[string]string{}
	rows, err := db.Query("select rule from haulier order by id")
	if err != nil {
		log.Fatal("hauliers unreadable", zap.Error(err))
	}
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			log.Fatal("haulier row", zap.Error(err))
		}
		for _, r := range hauliers(s) {
			table[r.Name] = fmt.Sprintf("%s axles up to %s t", r.Axles, r.Limit)
		}
	}
	log.Info("weighbridge opens", zap.Int("hauliers", len(table)), zap.String("addr", ":8085"))
	log.Fatal("bridge closed", zap.Error(http.ListenAndServe(":8085", nil)))
}

func env(k, d string) string {
	if v := os.Getenv(k); v != "" {
		return v
	}
	return d
}
