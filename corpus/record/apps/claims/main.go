// claims takes insurance claims and their photographs.
package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/jackc/pgx/v4/pgxpool"
	"github.com/sirupsen/logrus"
	"github.com/spf13/viper"
)

type app struct {
	cfg *viper.Viper
	db  *pgxpool.Pool
	log *logrus.Entry
}

func settings(log *logrus.Entry) *viper.Viper {
	v := viper.New()
	v.SetEnvPrefix("claims")
	v.AutomaticEnv()
	v.SetDefault("addr", ":8440")
	v.SetDefault("retries", 1)
	v.SetConfigName("claims")
	v.SetConfigType("yaml")
	v.AddConfigPath("/etc/claims")
	if err := v.ReadInConfig(); err != nil {
		log.WithError(err).Warn("running on environment and defaults")
	} else {
		log.WithField("file", v.ConfigFileUsed()).Info("settings file read")
	}
	return v
}

func (a *app) open(ctx context.Context) error {
	pc, err := pgxpool.ParseConfig(a.cfg.GetString("db"))
	if err != nil {
		return fmt.Errorf("claims store settings: %w", err)
	}
	pc.MaxConns, pc.ConnConfig.ConnectTimeout = 4, 4*time.Second
	pc.ConnConfig.RuntimeParams["application_name"] = "claims"
	a.log.WithFields(logrus.Fields{"db_host": pc.ConnConfig.Host, "db_name": pc.ConnConfig.Database}).Info("opening claims store")
	for n, tries := 1, a.cfg.GetInt("retries"); ; n++ {
		a.db, err = pgxpool.ConnectConfig(ctx, pc)
		if err == nil {
			return nil
		}
		if n >= tries {
			return fmt.Errorf("open claims store: %w", err)
		}
		a.log.WithError(err).Warnf("claims store attempt %d of %d", n, tries)
		time.Sleep(time.Second)
	}
}

func (a *app) intake(ctx context.Context) error {
	url := a.cfg.GetString("intake_url")
	if url == "" {
		return nil
	}
	c := http.Client{Timeout: 3 * time.Second}
	r, err := c.Get(url + "/rules/current")
	if err != nil {
		return fmt.Errorf("fetch intake rules: %w", err)
	}
	defer r.Body.Close()
	if r.StatusCode != 200 {
		return fmt.Errorf("fetch intake rules: %s answered %s", url, r.Status)
	}
	return nil
}

func main() {
	logrus.SetFormatter(&logrus.TextFormatter{DisableColors: true, FullTimestamp: true})
	log := logrus.WithField("component", "claims")
	log.Info("claims v12 booting")
	ctx := context.Background()
	a := &app{log: log, cfg: settings(log)}
	gin.SetMode(os.Getenv("GIN_MODE"))
	r := gin.New()
	r.Use(gin.Recovery())
	r.GET("/healthz", func(c *gin.Context) { c.String(200, "ok") })
	r.POST("/claims", func(c *gin.Context) { c.Status(202) })
	if _, err := os.ReadDir(a.cfg.GetString("photo_dir")); err != nil {
		log.WithError(err).Warn("photo directory not usable, uploads go to the database")
	}
	if err := a.intake(ctx); err != nil {
		log.WithError(err).Fatal("start aborted")
	}
	if err := a.open(ctx); err != nil {
		log.WithError(err).Fatal("start aborted")
	}
	var n int
	if err := a.db.QueryRow(ctx, "select count(*) from claim where state = 'open'").Scan(&n); err != nil {
		log.WithError(err).Fatal("start aborted")
	}
	log.Infof("%d open claims", n)
	log.WithError(r.Run(a.cfg.GetString("addr"))).Fatal("http server ended")
}
