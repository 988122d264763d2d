// fanout pushes live scores to subscribed phones; its subscriptions live in Redis.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/gomodule/redigo/redis"
	"github.com/rs/zerolog"
	"github.com/rs/zerolog/log"
)

func setting(name, def string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return def
}

type hub struct {
	pool  *redis.Pool
	shard string
}

func newHub() *hub {
	url := setting("FANOUT_REDIS", "redis://localhost:6379")
	return &hub{shard: setting("FANOUT_SHARD", "eu-1"), pool: &redis.Pool{MaxIdle: 4, MaxActive: 16, Dial: func() (redis.Conn, error) {
		return redis.DialURL(url, redis.DialConnectTimeout(3*time.Second), redis.DialReadTimeout(3*time.Second), redis.DialClientName("fanout"))
	}}}
}

// register announces this shard and reserves its ring of slots.
func (h *hub) register() error {
	c := h.pool.Get()
	defer c.Close()
	if v, err := redis.String(c.Do("PING")); err != nil || v != "PONG" {
		return fmt.Errorf("ping subscriptions: %w", err)
	}
	if mode, err := redis.String(c.Do("CONFIG", "GET", "notify-keyspace-events")); err == nil {
		log.Debug().Str("mode", mode).Msg("keyspace events")
	} else {
		log.Warn().Err(err).Msg("cannot read notify-keyspace-events, expiries are polled")
	}
	for i := 0; i < 64; i++ {
		key := fmt.Sprintf("fanout:%s:slot:%02d", h.shard, i)
		if _, err := c.Do("SET", key, strings.Repeat("0", 256), "EX", 90); err != nil {
			return fmt.Errorf("reserving %s: %w", key, err)
		}
	}
	log.Info().Str("shard", h.shard).Int("slots", 64).Msg("slots reserved")
	return nil
}

func main() {
	if os.Getenv("FANOUT_LOG") == "console" {
		log.Logger = zerolog.New(zerolog.ConsoleWriter{Out: os.Stdout, NoColor: os.Getenv("NO_COLOR") != "", TimeFormat: "15:04:05"}).With().Timestamp().Logger()
	} else {
		zerolog.TimeFieldFormat = zerolog.TimeFormatUnixMs
		log.Logger = zerolog.New(os.Stdout).With().Timestamp().Str("app", "fanout").Logger()
	}
	log.Info().Str("build", "2026.46").Msg("fanout coming up")
	if os.Getenv("FANOUT_APNS_KEY") == "" {
		log.Warn().Msg("FANOUT_APNS_KEY empty: iOS push is switched off")
	}
	if _, err := net.DialTimeout("tcp", setting("FANOUT_GRAPHITE", "127.0.0.1:2003"), 200*time.Millisecond); err != nil {
		log.Warn().Err(err).Msg("graphite sink skipped")
	}
	h := newHub()
	if err := h.register(); err != nil {
		log.Fatal().Err(err).Str("shard", h.shard).Msg("giving up")
	}
	l, err := net.Listen("tcp", setting("FANOUT_LISTEN", ":8800"))
	if err != nil {
		log.Fatal().Err(err).Msg("giving up")
	}
	log.Info().Stringer("addr", l.Addr()).Msg("accepting subscribers")
	log.Fatal().Err(http.Serve(l, http.NotFoundHandler())).Msg("server ended")
}
