# frozen_string_literal: true
# Boarding kennel: which dog sleeps where.
require "logger"
require "json"
require "socket"
require "pg"
require "redis"
require "webrick"

LOG = Logger.new($stdout, progname: "kennel")
LOG.formatter = ->(sev, at, prog, msg) { "#{sev[0]} | #{at.utc.strftime('%d.%m. %H:%M:%S')} | #{prog} | #{msg}\n" }
$stdout.sync = true

module Kennel
  VERSION = "1.30.2"

  def self.chip_register
    TCPSocket.new("127.0.0.1", 6070).close
  rescue SystemCallError => e
    LOG.warn "chip register is closed (#{e.message}), owners are asked instead"
  end

  def self.redis
    r = Redis.new(url: ENV.fetch("KENNEL_REDIS"), reconnect_attempts: 1, timeout: 3)
    LOG.info "#{r.llen('walks')} walks are due"
    r
  end

  def self.db
    c = PG.connect(ENV.fetch("KENNEL_DB"))
    LOG.info "#{c.exec('select count(*) from box').getvalue(0, 0)} boxes"
    c
  end

  def self.boot
    LOG.info "kennel #{VERSION} (ruby #{RUBY_VERSION})"
    begin
      require "bootsnap"
    rescue LoadError => e
      LOG.debug "no bootsnap: #{e.message}"
      LOG.warn "bootsnap not bundled, cold start"
    end
    chip_register
    redis
    db
    srv = WEBrick::HTTPServer.new(Port: Integer(ENV.fetch("PORT", "9393")), AccessLog: [], Logger: WEBrick::Log.new($stderr, WEBrick::Log::WARN))
    LOG.info "doors open"
    srv.start
  end
end

if ENV["KENNEL_QUIET_BOOT"] == "1"
  begin
    Kennel.boot
  rescue StandardError
    LOG.fatal "kennel could not be opened, bye"
    exit 1
  end
else
  Kennel.boot
end
